// IDX, the format of MNIST and Fashion-MNIST: a magic number, the length of each dimension, bytes;
// as it is or packed with gzip.
import { gunzipSync } from 'node:zlib';
import { UserError } from '../../../crds/failures/errors.ts';
import type { Image } from './image.ts';

/** Of one file: bytes as they lie there, and unpacked. */
interface IdxLimits {
  readonly bytes: number;
  readonly unpacked: number;
}

/** MNIST has 60,000 pictures of 784 bytes; this is forty times as much. */
const idxLimits: IdxLimits = { bytes: 2 ** 30, unpacked: 2 ** 31 - 1 };

interface IdxImages {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** `[count, height, width]`, grey. */
  readonly pixels: Uint8Array;
}

/** Reads `…-images-idx3-ubyte`. Throws a UserError that names `path`. */
export function readIdxImages(bytes: Uint8Array, path: string, limits = idxLimits): IdxImages {
  const { sizes, data } = readIdx(bytes, path, 3, limits);
  const [count = 0, height = 0, width = 0] = sizes;
  if (height < 1 || width < 1) {
    throw invalid(
      path,
      `has pictures of ${width} x ${height} pixels; both sides must be at least 1`,
    );
  }
  return { count, height, width, pixels: data };
}

/** Reads `…-labels-idx1-ubyte`: one label a picture. Throws a UserError that names `path`. */
export function readIdxLabels(bytes: Uint8Array, path: string, limits = idxLimits): Uint8Array {
  return readIdx(bytes, path, 1, limits).data;
}

/** Picture `index`, as a view of the file's bytes. */
export function idxImage({ height, width, pixels }: IdxImages, index: number): Image {
  const size = height * width;
  return { width, height, channels: 1, pixels: pixels.subarray(index * size, (index + 1) * size) };
}

/** Before the file is read. Throws a UserError that names `path`. */
export function requireIdxBytes(bytes: number, path: string, limits = idxLimits): void {
  if (bytes <= limits.bytes) return;
  throw invalid(path, `has ${bytes} bytes; at most ${limits.bytes} are read`);
}

function readIdx(packed: Uint8Array, path: string, rank: number, limits: IdxLimits) {
  requireIdxBytes(packed.length, path, limits);
  const bytes = unpacked(packed, path, limits);
  const start = 4 + 4 * rank;
  // Two zeros, 8 for unsigned bytes, the number of dimensions.
  const isIdx = [0, 0, 8, rank].every((byte, at) => bytes[at] === byte);
  if (!isIdx || bytes.length < start) {
    const what = rank === 1 ? 'labels' : 'pictures';
    const begins = Buffer.from(bytes.subarray(0, 4)).toString('hex');
    throw invalid(
      path,
      `begins with ${begins || 'nothing'}; a file of IDX ${what} begins with 0000080${rank}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sizes = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const wanted = sizes.reduce((product, size) => product * size, 1);
  if (bytes.length - start !== wanted) {
    throw invalid(
      path,
      `states ${sizes.join(' x ')} bytes, and has ${bytes.length - start}; both must be equal`,
    );
  }
  return { sizes, data: bytes.subarray(start) };
}

function unpacked(bytes: Uint8Array, path: string, limits: IdxLimits): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: limits.unpacked });
  } catch (cause) {
    const isLong =
      cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    throw isLong
      ? invalid(path, `unpacks to more than ${limits.unpacked} bytes; no more are read`, cause)
      : invalid(path, 'is packed with gzip and damaged; it is read whole', cause);
  }
}

function invalid(path: string, message: string, cause?: unknown): UserError {
  const hint = 'fetch the file again, or name another one';
  return new UserError({
    code: 'E_INVALID_DATA',
    path,
    message: `${path} ${message}`,
    hint,
    cause,
  });
}
