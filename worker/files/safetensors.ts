// Safetensors files to tensors and back. Files are mapped: a tensor of the requested type is the
// file itself, and only touched pages are read. Writing streams: all sizes are known before the
// first tensor is computed.
import { Bug, UserError } from '../../crds/failures/errors.ts';
import { type DType, dtypeBytes } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { mapFile, Tensor, toBytes } from '../tensor/tensor.ts';
import { AtomicFile, type WrittenFile } from './atomic-file.ts';
import { readSafetensorsHeader } from './header-files.ts';
import { releaseBytes } from './release-bytes.ts';
import { rowPanels } from './row-panels.ts';
import type { SafetensorsHeader, SafetensorsType } from './safetensors-header.ts';

export type { WrittenFile } from './atomic-file.ts';

export interface LoadOptions {
  /** @default the type in the file */
  readonly dtype?: DType;
  /** Rows [begin, end) of the first dimension: one range of bytes. */
  readonly rows?: readonly [begin: number, end: number];
}

const dtypeOf: { readonly [Type in SafetensorsType]?: DType } = {
  BOOL: 'bool',
  U8: 'uint8',
  I8: 'int8',
  F8_E5M2: 'float8_e5m2',
  F8_E4M3: 'float8_e4m3fn',
  I16: 'int16',
  F16: 'float16',
  BF16: 'bfloat16',
  I32: 'int32',
  F32: 'float32',
  F64: 'float64',
  I64: 'int64',
};

export function openSafetensors(path: string): SafetensorsFile {
  return new SafetensorsFile(path, readSafetensorsHeader(path));
}

/** A mapped file; its tensors stay valid after it is disposed. */
export class SafetensorsFile implements Disposable {
  readonly path: string;
  readonly header: SafetensorsHeader;
  readonly #bytes: Tensor;

  constructor(path: string, header: SafetensorsHeader) {
    this.path = path;
    this.header = header;
    this.#bytes = keep(mapFile(path));
  }

  /** Without a conversion the result is the mapped memory: clone what is to be trained. */
  load(name: string, { dtype, rows }: LoadOptions = {}): Tensor {
    const { type, shape, begin, end } = this.#entry(name);
    const stored = dtypeOf[type];
    if (stored === undefined) {
      throw new UserError({
        code: 'E_INVALID_MODEL',
        path: this.path,
        message: `${this.path}: tensor ${name} has the type ${type}, which is not supported here`,
      });
    }
    const [first, last] = rows ?? [0, shape[0] ?? 1];
    const rowBytes = shape.length === 0 ? end - begin : (end - begin) / Math.max(1, shape[0] ?? 1);
    const sizes = shape.length === 0 ? [] : [last - first, ...shape.slice(1)];
    return scope(() => {
      const from = begin + first * rowBytes;
      const bytes = ops.narrow(this.#bytes, 0, from, (last - first) * rowBytes);
      const values = ops.view(typed(bytes, from, stored), sizes);
      return dtype === undefined || dtype === stored ? values : ops.to(values, dtype);
    });
  }

  [Symbol.dispose](): void {
    this.#bytes.dispose();
  }

  #entry(name: string) {
    const entry = this.header.tensors.get(name);
    if (entry !== undefined) return entry;
    throw new UserError({
      code: 'E_INVALID_MODEL',
      path: this.path,
      message: `${this.path} has no tensor ${name}`,
    });
  }
}

/**
 * A typed view needs aligned bytes, which other writers do not guarantee; unaligned ones are
 * copied.
 */
export function typed(bytes: Tensor, begin: number, dtype: DType): Tensor {
  const isAligned = begin % dtypeBytes(dtype) === 0;
  return ops.viewDtype(isAligned ? bytes : ops.clone(bytes), dtype);
}

/** A tensor that is computed just before it is written. */
export interface PlannedTensor {
  readonly shape: readonly number[];
  readonly dtype: DType;
  make(): Tensor;
}

/** A tensor that is written in panels of rows, each disposed once written. */
export interface PlannedPanels {
  readonly shape: readonly number[];
  readonly dtype: DType;
  panels(): Iterable<Tensor>;
}

export type WritableTensor = Tensor | PlannedTensor | PlannedPanels;

export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata?: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<WrittenFile> {
  await using file = await beginSafetensors(path, tensors, metadata, signal);
  return await file.commit();
}

/**
 * Writes everything; it is durable and has its name only after the file is committed. Tensors are
 * ordered by descending size of their type, then by name, so that each is aligned.
 */
export async function beginSafetensors(
  path: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
  signal?: AbortSignal,
): Promise<AtomicFile> {
  const sorted = [...tensors].sort(
    ([a, x], [b, y]) => dtypeBytes(y.dtype) - dtypeBytes(x.dtype) || (a < b ? -1 : 1),
  );
  await using unfinished = new AsyncDisposableStack();
  const file = unfinished.use(await AtomicFile.create(path));
  await file.write(printHeader(sorted, metadata));
  for (const [name, source] of sorted) {
    signal?.throwIfAborted();
    for (const bytes of piecesOf(name, source)) {
      await file.write(bytes);
      releaseBytes(bytes);
    }
  }
  unfinished.move();
  return file;
}

function printHeader(
  sorted: readonly (readonly [string, WritableTensor])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let at = 0;
  const entries = sorted.map(([name, source]) => {
    const { shape, dtype } = source;
    const begin = at;
    at += bytesOf(source);
    return [name, { dtype: typeName(dtype), shape, data_offsets: [begin, at] }];
  });
  const json = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  const text = new TextEncoder().encode(json);
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20, 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(text, 8);
  return bytes;
}

function typeName(dtype: DType): string {
  const found = Object.entries(dtypeOf).find(([, each]) => each === dtype);
  if (found === undefined) throw new Bug(`${dtype} has no name in safetensors`);
  return found[0];
}

function* piecesOf(name: string, source: WritableTensor): Generator<Uint8Array> {
  if (source instanceof Tensor) {
    yield* bytesOfRows(source);
    return;
  }
  if ('panels' in source) {
    yield* bytesOfPanels(name, source);
    return;
  }
  using made = keep(scope(() => source.make()));
  if (made.dtype !== source.dtype || String(made.shape) !== String(source.shape)) {
    throw new Bug(`${planned(name, source)} and became ${made}`);
  }
  yield* bytesOfRows(made);
}

/** Panels of rows: the bytes of a large tensor at once would be a second copy of it. */
function* bytesOfRows(tensor: Tensor): Generator<Uint8Array> {
  const panels = rowPanels(tensor.shape);
  if (panels.length === 1) {
    yield toBytes(tensor);
    return;
  }
  for (const [first, behind] of panels) {
    yield scope(() => toBytes(ops.narrow(tensor, 0, first, behind - first)));
  }
}

function* bytesOfPanels(name: string, source: PlannedPanels): Generator<Uint8Array> {
  let left = bytesOf(source);
  for (const panel of source.panels()) {
    const bytes = takeBytes(panel);
    left -= bytes.length;
    if (left < 0) throw new Bug(`${planned(name, source)}; its panels have more bytes`);
    yield bytes;
  }
  if (left > 0) throw new Bug(`${planned(name, source)}; its panels end ${left} bytes early`);
}

function takeBytes(panel: Tensor): Uint8Array {
  using own = panel;
  return toBytes(own);
}

function planned(name: string, { dtype, shape }: Pick<PlannedPanels, 'dtype' | 'shape'>): string {
  return `${name} was planned as ${dtype} [${shape}]`;
}

function bytesOf({ dtype, shape }: Pick<PlannedPanels, 'dtype' | 'shape'>): number {
  return shape.reduce((product, size) => product * size, 1) * dtypeBytes(dtype);
}
