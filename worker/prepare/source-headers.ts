// Reads what `anneal estimate` needs of a model without its weights: config.json and the headers of
// its files, by byte ranges from any source. A model of 70 billion parameters in safetensors has 30
// headers, about 2 MB.
import type { Model } from '../../crds/api/model.ts';
import { TransientError, UserError } from '../../crds/failures/errors.ts';
import { jsonLimits, parseJson, RefusedBytes, requireLength } from '../../crds/text/json.ts';
import { preprocessorFile } from '../data/images/preprocessor-config.ts';
import { bringsTemplate } from '../data/tokenizer-definition.ts';
import { describeGguf, describeSafetensors, type ModelHeaders } from '../decoder/describe-model.ts';
import { ropeTables } from '../decoder/gguf-names.ts';
import type { ReadOptions } from '../families/family.ts';
import { type GgufHeader, HeaderGoesOn, parseGguf } from '../files/gguf-header.ts';
import {
  parseSafetensorsHeader,
  type SafetensorsHeader,
  safetensorsDataStart,
} from '../files/safetensors-header.ts';
import { gatherThrough } from '../remote/gate.ts';
import { retry } from '../remote/retry.ts';
import type { SourceEnvironment } from '../remote/source-environment.ts';
import { readAll, type SourceFile } from '../remote/source-files.ts';
import { locate } from './locate.ts';
import { modelChoice, selectModelFiles } from './select-files.ts';

/** Most headers are shorter, so most files cost one request. */
const firstReadBytes = 256 * 1024;
/** A GGUF header includes the vocabulary: some megabytes. */
const ggufReadBytes = 4 << 20;
const maxTableBytes = 2 ** 16;

export interface FetchedHeaders extends ModelHeaders {
  /** Whether the model has its own chat template. */
  readonly hasChatTemplate: boolean;
  /** Of a model of pictures, which need not have one. */
  readonly preprocessorJson?: unknown;
}

/** `path` of the result names the source: "owner/model at 01234567". */
export async function fetchModelHeaders(
  model: Model,
  environment: SourceEnvironment,
  signal: AbortSignal,
  options: ReadOptions = {},
): Promise<FetchedHeaders> {
  const { origin, files, weights, read } = await openModel(model, environment, signal);
  const [first, ...others] = weights;
  if (first?.path.endsWith('.gguf')) {
    if (others.length > 0) throw inParts(origin, weights.length);
    const header = await readGguf(first, read);
    const described = await describeRemoteGguf(origin, first, header, read);
    return { ...described, hasChatTemplate: header.metadata.has(ggufTemplate) };
  }
  const headers = await gatherThrough(
    weights,
    environment.network.connections,
    async (file) => [file.path, await readSafetensors(file, read)] as const,
    signal,
  );
  // A pipeline has it in the folder of its model.
  const config = files.find(({ path }) => path.split('/').at(-1) === 'config.json');
  if (!config) throw withoutConfig(origin);
  const configJson = await readConfigJson(config, read, origin);
  const preprocessor = files.find(({ path }) => path === preprocessorFile);
  const described = describeSafetensors(origin, { configJson, headers: new Map(headers) }, options);
  const hasChatTemplate = await foldersTemplate(files, read);
  if (preprocessor === undefined) return { ...described, hasChatTemplate };
  const preprocessorJson = await readConfigJson(preprocessor, read, origin);
  return { ...described, hasChatTemplate, preprocessorJson };
}

/** Reads some kilobytes of a model before its gigabytes are fetched. */
export async function fetchHasChatTemplate(
  model: Model,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<boolean> {
  const { files, weights, read } = await openModel(model, environment, signal);
  const [first] = weights;
  if (!first?.path.endsWith('.gguf')) return foldersTemplate(files, read);
  return (await readGguf(first, read)).metadata.has(ggufTemplate);
}

const ggufTemplate = 'tokenizer.chat_template';

async function foldersTemplate(files: readonly SourceFile[], read: ReadFile): Promise<boolean> {
  const named = (name: string) => files.find(({ path }) => path === name);
  const config = named('tokenizer_config.json');
  const text = config && (await read(config, 0, jsonLimits.tokenizerConfig.bytes)).toString();
  return bringsTemplate(text, named('chat_template.jinja') !== undefined);
}

async function openModel(model: Model, environment: SourceEnvironment, signal: AbortSignal) {
  const facts = { type: 'model', field: 'spec.model.source' } as const;
  const { listing } = await locate(model.source, facts, environment, signal);
  const files = selectModelFiles(listing, modelChoice(model));
  const weights = files.filter(({ path }) => /\.(safetensors|gguf)$/.test(path));
  const read: ReadFile = (file, begin, end) => readRange(file, begin, end, environment, signal);
  return { origin: listing.origin, files, weights, read };
}

/** Bytes of a file, fewer at its end. */
type ReadFile = (file: SourceFile, begin: number, end: number) => Promise<Buffer>;

async function readRange(
  file: SourceFile,
  begin: number,
  end: number,
  { network }: SourceEnvironment,
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
    network,
    signal,
  );
}

async function readSafetensors(file: SourceFile, read: ReadFile): Promise<SafetensorsHeader> {
  const first = await read(file, 0, firstReadBytes);
  const dataStart = safetensorsDataStart(first, file.bytes, file.path);
  const rest = await read(file, first.length, dataStart);
  return parseSafetensorsHeader(Buffer.concat([first, rest]), file.bytes, file.path);
}

async function describeRemoteGguf(
  origin: string,
  file: SourceFile,
  header: GgufHeader,
  read: ReadFile,
): Promise<ModelHeaders> {
  const tables = new Map<string, readonly number[]>();
  for (const name of Object.values(ropeTables)) {
    const info = header.tensors.get(name);
    if (info?.type.name !== 'F32' || info.end - info.begin > maxTableBytes) continue;
    tables.set(name, floats(await read(file, info.begin, info.end)));
  }
  const readTable = (name: string): readonly number[] => {
    const table = tables.get(name);
    if (table === undefined) throw invalid(`${file.path}: ${name} must be a small table of F32`);
    return table;
  };
  return describeGguf(origin, { file: file.path, header, readTable });
}

/** Reads four times as much each time, and each byte once. */
async function readGguf(file: SourceFile, read: ReadFile): Promise<GgufHeader> {
  let known: Buffer = Buffer.alloc(0);
  for (;;) {
    const until = Math.max(ggufReadBytes, known.length * 4);
    known = Buffer.concat([known, await read(file, known.length, until)]);
    try {
      return parseGguf(known, file.bytes, file.path);
    } catch (error) {
      if (!(error instanceof HeaderGoesOn)) throw error;
    }
  }
}

function floats(bytes: Buffer): readonly number[] {
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

async function readConfigJson(file: SourceFile, read: ReadFile, origin: string): Promise<unknown> {
  const limit = jsonLimits.modelConfig;
  try {
    requireLength(file.bytes, limit.bytes);
    return parseJson(await read(file, 0, file.bytes), limit);
  } catch (cause) {
    if (!(cause instanceof RefusedBytes)) throw cause;
    throw invalid(`${file.path} of ${origin} ${cause.message}`, cause);
  }
}

function inParts(origin: string, count: number): UserError {
  return invalid(`${origin} is a GGUF model in ${count} parts; only a single file is supported`);
}

function withoutConfig(origin: string): UserError {
  return invalid(`${origin} has no config.json, which a model needs`);
}

function invalid(message: string, cause?: unknown): UserError {
  return new UserError({ code: 'E_INVALID_MODEL', path: 'spec.model.source', message, cause });
}
