// What a model is, from its configuration and headers alone: no tensor is read and libtorch is not loaded. This is what
// `estimate`, admission and the fetch stage work from.
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../../crds/errors.ts';
import type { GgufHeader } from '../checkpoint/gguf-header.ts';
import { readBytes, readGgufHeader, readSafetensorsHeader } from '../checkpoint/header-files.ts';
import { indexFileName, parseSafetensorsIndex } from '../checkpoint/safetensors-index.ts';
import { type DecoderConfig, type ReadOptions, readConfig } from './config.ts';
import { confirmTensors } from './confirm.ts';
import { ggufToConfigJson } from './gguf-config.ts';
import { ggufName, ropeTables } from './gguf-names.ts';
import { type TensorSpec, tensorSpecs } from './names.ts';

/** One tensor of the decoder and where it lies. */
export interface StoredTensor {
  readonly spec: TensorSpec;
  readonly file: string;
  readonly nameInFile: string;
  /** Name of the type in the file: `BF16`, `Q4_K`. */
  readonly type: string;
  /** First byte in the file, and the byte behind the last. */
  readonly begin: number;
  readonly end: number;
}

export interface ModelHeaders {
  /** The folder or file that was asked for. */
  readonly path: string;
  readonly format: 'safetensors' | 'gguf';
  readonly config: DecoderConfig;
  /** `config.json` as it is, or as a GGUF file's metadata would be written. */
  readonly configJson: unknown;
  /** By the name that the worker uses, in the order of computation. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Files with tensors, sorted. */
  readonly files: readonly string[];
  /** The one file of a GGUF model, with its metadata: the tokenizer stands there. */
  readonly gguf?: GgufHeader;
  /** A head beside a tied embedding: legal when both hold the same bytes. */
  readonly tiedHead?: StoredTensor;
}

/** `path` is a Hugging Face folder, a GGUF file, or a folder with one GGUF file. */
export function readModelHeaders(path: string, options: ReadOptions = {}): ModelHeaders {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw notFound(path, `${path} does not exist`);
  if (!stats.isDirectory()) return readGgufModel(path, path, options);
  const names = readdirSync(path).sort();
  if (names.includes('config.json') && names.some((name) => name.endsWith('.safetensors'))) {
    return readFolder(path, names, options);
  }
  const [gguf, ...others] = names.filter((name) => name.endsWith('.gguf'));
  if (gguf !== undefined && others.length === 0) {
    return readGgufModel(path, join(path, gguf), options);
  }
  throw notAModel(path, names);
}

function readFolder(path: string, names: readonly string[], options: ReadOptions): ModelHeaders {
  const configPath = join(path, 'config.json');
  const configJson = readJson(configPath);
  const config = readConfig(configJson, { path: configPath, ...options });
  const found = new Map<string, Omit<StoredTensor, 'spec'> & { shape: readonly number[] }>();
  const files = tensorFiles(path, names);
  for (const file of files) {
    for (const [name, { type, shape, begin, end }] of readSafetensorsHeader(file).tensors) {
      const other = found.get(name)?.file;
      if (other !== undefined) throw invalid(path, `${name} is in ${other} and in ${file}`);
      found.set(name, { file, nameInFile: name, type, shape, begin, end });
    }
  }
  confirmIndex(path, names, found);
  const { tensors, tiedHead } = confirmTensors(config, shownFiles(found), path);
  const stored = (spec: TensorSpec, nameInFile: string): StoredTensor => {
    const place = found.get(nameInFile);
    if (place === undefined) throw invalid(path, `${nameInFile} is missing`);
    const { shape: _, ...rest } = place;
    return { spec, ...rest };
  };
  const embedding = [...tensors.values()].find(({ spec }) => spec.role === 'embedding');
  return {
    ...{ path, format: 'safetensors', config, configJson, files },
    tensors: new Map([...tensors].map(([name, b]) => [name, stored(b.spec, b.nameInFile)])),
    ...(tiedHead !== undefined && embedding !== undefined
      ? { tiedHead: stored({ ...embedding.spec, role: 'head', name: 'lm_head.weight' }, tiedHead) }
      : {}),
  };
}

/** Messages name a shard, not its whole path. */
function shownFiles<T extends { readonly file: string }>(found: ReadonlyMap<string, T>) {
  return new Map([...found].map(([name, each]) => [name, { ...each, file: basename(each.file) }]));
}

/** `model.safetensors` or the shards of the index; else whatever safetensors there are. */
function tensorFiles(path: string, names: readonly string[]): readonly string[] {
  if (names.includes(indexFileName)) {
    const listed = [...new Set(readIndex(path).values())].sort();
    const missing = listed.filter((file) => !names.includes(file));
    if (missing.length > 0) {
      throw invalid(
        path,
        `${indexFileName} lists ${listed.length} files; ${missing.join(', ')} ` +
          `${missing.length === 1 ? 'is' : 'are'} missing`,
      );
    }
    return listed.map((file) => join(path, file));
  }
  const all = names.filter((name) => name.endsWith('.safetensors'));
  return (all.includes('model.safetensors') ? ['model.safetensors'] : all).map((name) =>
    join(path, name),
  );
}

function readIndex(path: string): ReadonlyMap<string, string> {
  const file = join(path, indexFileName);
  return parseSafetensorsIndex(readBytes(file, 0, maxJsonBytes), file).files;
}

function confirmIndex(
  path: string,
  names: readonly string[],
  found: ReadonlyMap<string, { readonly file: string }>,
): void {
  if (!names.includes(indexFileName)) return;
  for (const [name, file] of readIndex(path)) {
    if (found.get(name)?.file === join(path, file)) continue;
    throw invalid(
      path,
      `${indexFileName} says that ${name} is in ${file}, which has no such tensor`,
    );
  }
}

function readGgufModel(path: string, file: string, options: ReadOptions): ModelHeaders {
  const gguf = readGgufHeader(file);
  const configJson = ggufToConfigJson(gguf, (name) => readTable(gguf, name, file), file);
  const config = readConfig(configJson, { path: file, ...options });
  const names = new Map(tensorSpecs(config).map((spec) => [ggufName(spec), spec.name]));
  const tables: readonly string[] = Object.values(ropeTables);
  const found = new Map(
    [...gguf.tensors]
      .filter(([name]) => !tables.includes(name))
      .map(([name, { shape }]) => [names.get(name) ?? name, { shape, file: basename(file) }]),
  );
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { spec }] of confirmTensors(config, found, file).tensors) {
    const nameInFile = ggufName(spec);
    const info = gguf.tensors.get(nameInFile);
    if (info === undefined) throw invalid(file, `${nameInFile} is missing`);
    const { begin, end } = info;
    tensors.set(name, { spec, file, nameInFile, type: info.type.name, begin, end });
  }
  return { path, format: 'gguf', config, configJson, tensors, files: [file], gguf };
}

function readTable(gguf: GgufHeader, name: string, file: string): readonly number[] {
  const info = gguf.tensors.get(name);
  if (info === undefined || info.type.name !== 'F32' || info.end - info.begin > maxTableBytes) {
    throw invalid(file, `${name} must be a small table of F32`);
  }
  const bytes = readBytes(file, info.begin, info.end - info.begin);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

const maxTableBytes = 2 ** 16;
const maxJsonBytes = 64 * 2 ** 20;

function readJson(path: string): unknown {
  const text = new TextDecoder().decode(readBytes(path, 0, maxJsonBytes));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(path, 'it is not JSON', cause);
  }
}

function notAModel(path: string, names: readonly string[]): UserError {
  const has = (ending: string): boolean => names.some((name) => name.endsWith(ending));
  if (has('.bin') || has('.pth') || has('.pt')) {
    return new UserError({
      code: 'E_INVALID_MODEL',
      path,
      message: `${path} holds pickled weights; no pickle is ever read`,
      hint: 'convert them to safetensors first, with the tool that made them',
    });
  }
  const ggufs = names.filter((name) => name.endsWith('.gguf'));
  if (ggufs.length > 1) {
    return new UserError({
      code: 'E_INVALID_MODEL',
      path,
      message: `${path} holds ${ggufs.length} GGUF files; name one of them: ${ggufs.slice(0, 6).join(', ')}`,
    });
  }
  return notFound(
    path,
    `${path} holds ${names.slice(0, 8).join(', ') || 'nothing'}; a model is config.json with ` +
      'safetensors files, or one GGUF file',
  );
}

function notFound(path: string, message: string): UserError {
  return new UserError({ code: 'E_SOURCE_NOT_FOUND', path, message });
}

function invalid(path: string, message: string, cause?: unknown): UserError {
  return new UserError({ code: 'E_INVALID_MODEL', path, message: `${path}: ${message}`, cause });
}
