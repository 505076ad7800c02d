// A tensor is a handle into the addon. The functions below read and write values, `ops` computes.
// Tensors are freed by their scope, by `using` or by `dispose()`, never by the garbage collector (a
// tensor that it finds is a leak, see leaks.ts).
import { getSystemErrorMap } from 'node:util';
import { type Device, deviceOfIndex } from './device.ts';
import { type DType, dtypeBytes, dtypeCode, dtypeOfCode } from './dtype.ts';
import { native } from './native.ts';

type TypedArray =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array;

interface Description {
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly device: Device;
}

export class Tensor implements Disposable {
  readonly handle: number;
  #description: Description | undefined;

  constructor(handle: number) {
    this.handle = handle;
    watcher?.(this);
  }

  get shape(): readonly number[] {
    return this.#described.shape;
  }

  get dtype(): DType {
    return this.#described.dtype;
  }

  get device(): Device {
    return this.#described.device;
  }

  /** Number of elements. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** Bytes of the elements; views of the same storage each count it. */
  get bytes(): number {
    return this.numel * dtypeBytes(this.dtype);
  }

  /** Releases the handle; a second call does nothing. */
  dispose(): void {
    native.release(this.handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return `Tensor(${this.dtype} [${this.shape.join(', ')}] ${this.device})`;
  }

  get #described(): Description {
    this.#description ??= describe(this.handle);
    return this.#description;
  }
}

let watcher: ((made: Tensor) => void) | undefined;

/** Calls `watch` with every new tensor; for leaks.ts. */
export function watchTensors(watch: ((made: Tensor) => void) | undefined): void {
  watcher = watch;
}

/** Copies JavaScript numbers, in row order, into a new tensor; `dtype` defaults to the array's. */
export function tensor(
  data: readonly number[] | TypedArray,
  shape: readonly number[],
  dtype: DType = naturalDType(data),
): Tensor {
  const array = isTypedArray(data) ? data : toTypedArray(data, dtype);
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return new Tensor(
    native.fromBytes(bytes, shape, dtypeCode(naturalDType(array)), dtypeCode(dtype)),
  );
}

/** Places of rows or columns, `[n]` int64. */
export function indices(places: readonly number[]): Tensor {
  return tensor(places, [places.length], 'int64');
}

/** Copies elements of `dtype`, in row order and this machine's byte order, into a new tensor. */
export function fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: DType): Tensor {
  return new Tensor(native.fromBytes(bytes, shape, dtypeCode(dtype), dtypeCode(dtype)));
}

/** Copies the elements to the host, in row order and this machine's byte order. */
export function toBytes(t: Tensor): Uint8Array {
  return new Uint8Array(native.toBytes(t.handle, dtypeCode(t.dtype)));
}

/**
 * Writes the elements of a contiguous tensor to an open file at byte `position`. Throws system
 * errors with a `code`, as Node does.
 */
export function writeValues(t: Tensor, file: number, position: number): void {
  const number = native.writeValues(t.handle, file, position);
  if (number === 0) return;
  const [code = 'EIO', message = ''] = getSystemErrorMap().get(-number) ?? [];
  throw Object.assign(new Error(`${code}: ${message}, write`), { code });
}

/** Fills a contiguous tensor with what writeValues wrote at `position`. */
export function readValues(t: Tensor, file: number, position: number): void {
  native.readValues(t.handle, file, position);
}

/**
 * The values on a device, in the scope of the caller: the tensor itself where it is there already.
 * From the host they go through pinned memory; the call returns before they have arrived, and what
 * is computed from them waits.
 */
export function onDevice(t: Tensor, device: Device): Tensor {
  return t.device === device ? t : new Tensor(native.toDevice(t.handle, device));
}

/**
 * Begins to copy a tensor of a device to pinned memory of the host. The copy runs beside what is
 * computed, and belongs to the caller's scope; only `copyFromHost` may read it.
 */
export function copyToHost(t: Tensor): Tensor {
  return new Tensor(native.offload(t.handle));
}

/** Begins to copy it back; the values are there after `joinCopies`. */
export function copyFromHost(t: Tensor, device: Device): Tensor {
  return new Tensor(native.fetch(t.handle, device));
}

/** What is computed on the device from here on finds all copies made. */
export function joinCopies(device: Device): void {
  native.joinCopies(device);
}

/** The elements as JavaScript numbers, in row order. int64 is exact up to 2^53. */
export function toArray(t: Tensor): number[] {
  return Array.from(new Float64Array(native.toBytes(t.handle, dtypeCode('float64'))));
}

/** The elements as float32, in row order; they take a quarter of the memory of numbers. */
export function toFloats(t: Tensor): Float32Array {
  return new Float32Array(native.toBytes(t.handle, dtypeCode('float32')));
}

/** The value of a one-element tensor; on a GPU this waits for all work before it. */
export function item(t: Tensor): number {
  return native.item(t.handle);
}

/**
 * A whole file as uint8, mapped: pages are read when touched. Slices share the mapping, and
 * `ops.viewDtype` gives them a type. Writes go to a private copy of the page, never to the file.
 */
export function mapFile(path: string): Tensor {
  return new Tensor(native.map(path));
}

/**
 * Drops the pages of a slice of a mapped file; they are read again when touched, and writes to them
 * are lost. Returns the number of bytes dropped; 0 for any other tensor.
 */
export function releasePages(t: Tensor): number {
  return native.releasePages(t.handle);
}

/**
 * Frees the storage of a tensor and all its views (0 bytes), or allocates it again. Values are
 * lost; reading the tensor without storage crashes the process.
 */
export function resizeStorage(t: Tensor, bytes: number): void {
  native.resizeStorage(t.handle, bytes);
}

/**
 * Moves the storage of `from` to `to`, a complete tensor of the same shape and type, and to its
 * views; `from` has none afterwards. A tape that holds `to` reads the new values and, unlike after
 * a copy, does not report a change.
 */
export function moveStorage(to: Tensor, from: Tensor): void {
  native.moveStorage(to.handle, from.handle);
}

function describe(handle: number): Description {
  const [dtype = -1, device = -1, ...shape] = native.describe(handle);
  return { shape, dtype: dtypeOfCode(dtype), device: deviceOfIndex(device) };
}

function isTypedArray(data: readonly number[] | TypedArray): data is TypedArray {
  return ArrayBuffer.isView(data);
}

/** Numbers as they are written before libtorch casts them: float64 holds every number exactly. */
function toTypedArray(data: readonly number[], dtype: DType): Float32Array | Float64Array {
  return dtype === 'float32' ? Float32Array.from(data) : Float64Array.from(data);
}

function naturalDType(data: readonly number[] | TypedArray): DType {
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof Uint8Array) return 'uint8';
  if (data instanceof Int8Array) return 'int8';
  if (data instanceof Int16Array) return 'int16';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof BigInt64Array) return 'int64';
  return 'float32';
}
