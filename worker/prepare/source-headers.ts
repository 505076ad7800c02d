// What `anneal estimate` needs of a model, without its weights: config.json and the headers of its files, read by ranges
// from wherever they are. A 70 billion parameter model in safetensors is 30 headers, about 2 MB.
import type { Model } from '../../crds/api/model.ts';
import { TransientError } from '../../crds/errors.ts';
import { type GgufHeader, HeaderGoesOn, parseGguf } from '../checkpoint/gguf-header.ts';
import {
  parseSafetensorsHeader,
  type SafetensorsHeader,
  safetensorsDataStart,
} from '../checkpoint/safetensors-header.ts';
import { gatherThrough } from './gate.ts';
import { locate } from './locate.ts';
import { retry } from './retry.ts';
import { selectModelFiles } from './select-files.ts';
import type { SourceEnvironment } from './source-environment.ts';
import { readAll, type SourceFile } from './source-files.ts';

export interface ModelHeaders {
  readonly origin: string;
  /** Text of config.json; absent for a GGUF, which holds its own. */
  readonly config: string | undefined;
  /** By path; of one of the two kinds. */
  readonly safetensors: ReadonlyMap<string, SafetensorsHeader>;
  readonly gguf: ReadonlyMap<string, GgufHeader>;
}

/** Most headers end before this, so most files cost one request. */
const firstReadBytes = 256 * 1024;
/** The header of a GGUF holds the vocabulary: some megabytes. */
const ggufReadBytes = 4 << 20;
const maxConfigBytes = 4 << 20;

export async function readModelHeaders(
  model: Model,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<ModelHeaders> {
  const facts = { type: 'model', field: 'spec.model.source' } as const;
  const { listing } = await locate(model.source, facts, environment, signal);
  const files = selectModelFiles(listing, { file: model.source.file });
  const config = files.find(({ path }) => path === 'config.json');
  const headersOf = async <H>(ending: string, read: ReadHeader<H>) => {
    const chosen = files.filter(({ path }) => path.endsWith(ending));
    const task = async (file: SourceFile, both: AbortSignal) =>
      [file.path, await read(file, environment, both)] as const;
    return new Map(await gatherThrough(chosen, environment.network.connections, task, signal));
  };
  return {
    origin: listing.origin,
    config: config && (await readRange(config, 0, maxConfigBytes, environment, signal)).toString(),
    safetensors: await headersOf('.safetensors', readSafetensors),
    gguf: await headersOf('.gguf', readGguf),
  };
}

type ReadHeader<H> = (
  file: SourceFile,
  environment: SourceEnvironment,
  signal: AbortSignal,
) => Promise<H>;

/** Bytes `begin` to `end` of a file, cut at its end, tried again as the network's policy says. */
async function readRange(
  file: SourceFile,
  begin: number,
  end: number,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<Buffer> {
  const until = Math.min(end, file.bytes);
  if (until <= begin) return Buffer.alloc(0);
  return retry(
    async () => {
      const bytes = await readAll(await file.read(begin, until, signal));
      if (bytes.length === until - begin) return bytes;
      const message = `${file.path} ended ${until - begin - bytes.length} bytes early`;
      throw new TransientError({ code: 'E_HUB_UNAVAILABLE', message });
    },
    environment.network,
    signal,
  );
}

async function readSafetensors(
  file: SourceFile,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<SafetensorsHeader> {
  const first = await readRange(file, 0, firstReadBytes, environment, signal);
  const dataStart = safetensorsDataStart(first, file.bytes, file.path);
  const rest =
    dataStart > first.length
      ? await readRange(file, first.length, dataStart, environment, signal)
      : Buffer.alloc(0);
  return parseSafetensorsHeader(Buffer.concat([first, rest]), file.bytes, file.path);
}

async function readGguf(
  file: SourceFile,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<GgufHeader> {
  let known: Buffer = Buffer.alloc(0);
  for (;;) {
    // Asks for four times as much each time, and for each byte once.
    const until = Math.max(ggufReadBytes, known.length * 4);
    known = Buffer.concat([known, await readRange(file, known.length, until, environment, signal)]);
    try {
      return parseGguf(known, file.bytes, file.path);
    } catch (error) {
      if (!(error instanceof HeaderGoesOn)) throw error;
    }
  }
}
