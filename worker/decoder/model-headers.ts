// The configuration and headers of a model on this disk: a Hugging Face folder, a GGUF file, or a
// folder with one.
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../../crds/failures/errors.ts';
import { jsonLimits, parseJson, RefusedBytes } from '../../crds/text/json.ts';
import { transformerFolder } from '../diffusion/names.ts';
import type { ReadOptions } from '../families/family.ts';
import { readBoundedSync } from '../files/bounded-file.ts';
import type { GgufHeader } from '../files/gguf-header.ts';
import { readBytes, readGgufHeader, readSafetensorsHeader } from '../files/header-files.ts';
import { indexFileName, parseSafetensorsIndex } from '../files/safetensors-index.ts';
import { describeGguf, describeSafetensors, type ModelHeaders } from './describe-model.ts';

export interface ModelOnDisk extends ModelHeaders {
  /** The folder that contains the files. */
  readonly folder: string;
}

export function readModelHeaders(path: string, options: ReadOptions = {}): ModelOnDisk {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw notFound(path, `${path} does not exist`);
  if (!stats.isDirectory()) return readGgufModel(path, path, options);
  const names = readdirSync(path).sort();
  const isModel = options.fromScratch || names.some((name) => name.endsWith('.safetensors'));
  if (names.includes('config.json') && isModel) return readFolder(path, names, options);
  if (names.includes(transformerFolder)) {
    // A pipeline of diffusers has one folder for each of its models.
    return { ...readModelHeaders(join(path, transformerFolder), options), path };
  }
  const [gguf, ...others] = names.filter((name) => name.endsWith('.gguf'));
  if (gguf !== undefined && others.length === 0) {
    return readGgufModel(path, join(path, gguf), options);
  }
  throw notAModel(path, names);
}

function readFolder(path: string, names: readonly string[], options: ReadOptions): ModelOnDisk {
  const reads = options.fromScratch !== true;
  const index = reads && names.includes(indexFileName) ? readIndex(path) : null;
  const unlisted = reads ? unlistedFiles(names) : [];
  const files = index === null ? unlisted : listedFiles(path, names, index);
  const headers = new Map(files.map((file) => [file, readSafetensorsHeader(join(path, file))]));
  for (const [name, file] of index ?? []) {
    if (headers.get(file)?.tensors.has(name)) continue;
    throw invalid(path, `${indexFileName} says that ${name} is in ${file}, which does not have it`);
  }
  const configJson = readConfigJson(join(path, 'config.json'));
  return { ...describeSafetensors(path, { configJson, headers }, options), folder: path };
}

function readIndex(path: string): ReadonlyMap<string, string> {
  const file = join(path, indexFileName);
  return parseSafetensorsIndex(readWhole(file, jsonLimits.safetensorsIndex.bytes), file).files;
}

function listedFiles(
  path: string,
  names: readonly string[],
  index: ReadonlyMap<string, string>,
): readonly string[] {
  const listed = [...new Set(index.values())].sort();
  const missing = listed.filter((file) => !names.includes(file));
  if (missing.length === 0) return listed;
  throw invalid(
    path,
    `${indexFileName} lists ${listed.length} files; ${missing.join(', ')} ` +
      `${missing.length === 1 ? 'is' : 'are'} missing`,
  );
}

/** Folders often have the weights twice, in one file and in an older format. */
function unlistedFiles(names: readonly string[]): readonly string[] {
  if (names.includes('model.safetensors')) return ['model.safetensors'];
  return names.filter((name) => name.endsWith('.safetensors'));
}

function readGgufModel(path: string, filePath: string, options: ReadOptions): ModelOnDisk {
  const header = readGgufHeader(filePath);
  const readTable = (name: string) => readTableOf(header, name, filePath);
  const file = basename(filePath);
  return {
    ...describeGguf(path, { file, header, readTable }, options),
    folder: dirname(filePath),
  };
}

function readTableOf(header: GgufHeader, name: string, file: string): readonly number[] {
  const info = header.tensors.get(name);
  if (info === undefined || info.type.name !== 'F32' || info.end - info.begin > maxTableBytes) {
    throw invalid(file, `${name} must be a small table of F32`);
  }
  const bytes = readBytes(file, info.begin, info.end - info.begin);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

const maxTableBytes = 2 ** 16;

function readConfigJson(path: string): unknown {
  const bytes = readWhole(path, jsonLimits.modelConfig.bytes);
  return inWords(path, () => parseJson(bytes, jsonLimits.modelConfig));
}

function readWhole(path: string, most: number): Uint8Array {
  return inWords(path, () => readBoundedSync(path, most));
}

function inWords<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof RefusedBytes) throw invalid(path, `it ${cause.message}`, cause);
    throw cause;
  }
}

function notAModel(path: string, names: readonly string[]): UserError {
  const has = (ending: string): boolean => names.some((name) => name.endsWith(ending));
  if (has('.bin') || has('.pth') || has('.pt')) {
    return new UserError({
      code: 'E_INVALID_MODEL',
      path,
      message: `${path} has only pickled weights; pickle files are never read`,
      hint: 'convert them to safetensors first, with the tool that made them',
    });
  }
  const ggufs = names.filter((name) => name.endsWith('.gguf'));
  if (ggufs.length > 1) {
    return new UserError({
      code: 'E_INVALID_MODEL',
      path,
      message: `${path} has ${ggufs.length} GGUF files; name one of them: ${ggufs.slice(0, 6).join(', ')}`,
    });
  }
  return notFound(
    path,
    `${path} has ${names.slice(0, 8).join(', ') || 'no files'}; a model is config.json with ` +
      'safetensors files, or one GGUF file',
  );
}

function notFound(path: string, message: string): UserError {
  return new UserError({ code: 'E_SOURCE_NOT_FOUND', path, message });
}

function invalid(path: string, message: string, cause?: unknown): UserError {
  return new UserError({ code: 'E_INVALID_MODEL', path, message: `${path}: ${message}`, cause });
}
