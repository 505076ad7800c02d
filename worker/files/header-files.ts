// Reads the headers of model files from disk, without the data and without libtorch, for `estimate`
// and the checks before a run.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { UserError } from '../../crds/failures/errors.ts';
import { type GgufHeader, HeaderGoesOn, parseGguf } from './gguf-header.ts';
import { maxGgufHeaderBytes } from './gguf-values.ts';
import {
  parseSafetensorsHeader,
  type SafetensorsHeader,
  safetensorsDataStart,
} from './safetensors-header.ts';

export function readSafetensorsHeader(path: string): SafetensorsHeader {
  using file = new OpenFile(path);
  const dataStart = safetensorsDataStart(file.read(0, 8), file.size, path);
  return parseSafetensorsHeader(file.read(0, dataStart), file.size, path);
}

/** Vocabularies make headers of some megabytes; most models need one read. */
const firstRead = 8 * 2 ** 20;

export function readGgufHeader(path: string): GgufHeader {
  using file = new OpenFile(path);
  for (let length = firstRead; ; length *= 4) {
    try {
      return parseGguf(file.read(0, Math.min(length, maxGgufHeaderBytes)), file.size, path);
    } catch (error) {
      if (!(error instanceof HeaderGoesOn)) throw error;
    }
  }
}

/** `bytes` bytes of a file from `begin` on; fewer at the end of the file. */
export function readBytes(path: string, begin: number, bytes: number): Uint8Array {
  using file = new OpenFile(path);
  return file.read(begin, bytes);
}

class OpenFile implements Disposable {
  readonly size: number;
  readonly #descriptor: number;

  constructor(path: string) {
    this.#descriptor = openExisting(path);
    this.size = fstatSync(this.#descriptor).size;
  }

  read(begin: number, bytes: number): Uint8Array {
    const target = new Uint8Array(Math.max(0, Math.min(bytes, this.size - begin)));
    let at = 0;
    while (at < target.length) {
      const read = readSync(this.#descriptor, target, at, target.length - at, begin + at);
      if (read === 0) break;
      at += read;
    }
    return target.subarray(0, at);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

function openExisting(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code !== 'ENOENT' && code !== 'EACCES') throw cause;
    throw notFound(path, code, cause);
  }
}

function notFound(path: string, code: 'ENOENT' | 'EACCES', cause: unknown): UserError {
  return new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    path,
    message: code === 'ENOENT' ? `${path} does not exist` : `${path} may not be read`,
    cause,
  });
}

/**
 * Passes a range of a file to `visit`, a megabyte at a time; the bytes are valid during the call.
 */
export function forEachPiece(
  path: string,
  begin: number,
  end: number,
  visit: (piece: Uint8Array) => void,
): void {
  using file = new OpenFile(path);
  const last = Math.min(end, file.size);
  for (let at = begin; at < last; at += pieceBytes)
    visit(file.read(at, Math.min(pieceBytes, last - at)));
}

const pieceBytes = 2 ** 20;
