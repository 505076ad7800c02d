// What `anneal estimate` needs of a model, without its weights: config.json and the headers of the safetensors, read by
// ranges from wherever they are. A 70 billion parameter model is 30 headers, about 2 MB.
import type { Model } from '../../crds/api/model.ts';
import { TransientError } from '../../crds/errors.ts';
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
  /** By path. Empty for a GGUF. */
  readonly safetensors: ReadonlyMap<string, SafetensorsHeader>;
  /** Files of a GGUF model, to be read from their beginning as far as its reader asks. */
  readonly gguf: readonly SourceFile[];
}

/** Most headers end before this, so most files cost one request. */
const firstReadBytes = 256 * 1024;
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
  const weights = files.filter(({ path }) => path.endsWith('.safetensors'));
  const headers = await gatherThrough(
    weights,
    environment.network.connections,
    async (file, both) => [file.path, await readHeader(file, environment, both)] as const,
    signal,
  );
  return {
    origin: listing.origin,
    config: config && (await readRange(config, 0, maxConfigBytes, environment, signal)).toString(),
    safetensors: new Map(headers),
    gguf: files.filter(({ path }) => path.endsWith('.gguf')),
  };
}

/** Bytes `begin` to `end` of a file, cut at its end, tried again as the network's policy says. */
export async function readRange(
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

async function readHeader(
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
