// A clip as a store keeps it: its frames as they were decoded, in RGB, with the box of the object
// in each. Frames without the object are left out.
import { Bug } from '../../../crds/failures/errors.ts';
import { UnusableRecord } from '../../files/unusable-record.ts';
import type { Image } from '../images/image.ts';
import { inColour } from '../images/stored-target.ts';
import type { Box } from './box.ts';

/** Frames, width and height as u32. */
const headBytes = 12;
/** Of a box: four float32. */
const boxBytes = 16;

/** Of the pixels of a clip. */
const mostBytes: number = 512 * 2 ** 20;

export interface ClipHead {
  readonly width: number;
  readonly height: number;
  /** In pixels, one for each frame. */
  readonly boxes: readonly Box[];
}

/** Reads `length` bytes of a packed clip from place `from` on. */
type Read = (from: number, length: number) => Buffer;

/**
 * `frames` are read one after the other. Throws UnusableRecord, which completes "FILE …", for
 * frames of several sizes, and for more of them than are kept.
 */
export function packClip(
  boxes: readonly Box[],
  frames: Iterable<{ readonly name: string; readonly image: Image }>,
): Uint8Array {
  let packed: Uint8Array | undefined;
  let first: Image | undefined;
  let at = headBytes + boxes.length * boxBytes;
  for (const { name, image } of frames) {
    first ??= image;
    packed ??= emptyClip(boxes, image);
    if (image.width !== first.width || image.height !== first.height) {
      throw new UnusableRecord(
        `has frames of ${sizeOf(first)} pixels, but ${name} is ${sizeOf(image)} · frames of a clip must have one size`,
      );
    }
    const pixels = image.channels === 3 ? image.pixels : inColour(image.pixels);
    packed.set(pixels, at);
    at += pixels.length;
  }
  if (packed?.length !== at) throw new Bug(`${boxes.length} boxes of a clip with other frames`);
  return packed;
}

function emptyClip(boxes: readonly Box[], { width, height }: Image): Uint8Array {
  const bytes = 3 * width * height * boxes.length;
  if (bytes > mostBytes) {
    throw new UnusableRecord(
      `has ${boxes.length} frames of ${width} x ${height} pixels; a clip is kept with at most ${mostBytes / 2 ** 20} MiB of pixels · cut it into several, or make its frames smaller`,
    );
  }
  const packed = new Uint8Array(headBytes + boxes.length * boxBytes + bytes);
  const view = new DataView(packed.buffer);
  for (const [i, value] of [boxes.length, width, height].entries()) {
    view.setUint32(4 * i, value, true);
  }
  for (const [i, value] of boxes.flat().entries()) view.setFloat32(headBytes + 4 * i, value, true);
  return packed;
}

function sizeOf({ width, height }: Image): string {
  return `${width} x ${height}`;
}

export function readClipHead(read: Read): ClipHead {
  const head = read(0, headBytes);
  const [count, width, height] = [0, 4, 8].map((at) => head.readUInt32LE(at)) as [
    ...[number, number, number],
  ];
  const values = read(headBytes, count * boxBytes);
  const boxes = Array.from({ length: count }, (_, frame): Box => {
    const of = (side: number): number => values.readFloatLE(frame * boxBytes + 4 * side);
    return [of(0), of(1), of(2), of(3)];
  });
  return { width, height, boxes };
}

/** Until the next one is read. */
export function readFrame({ width, height, boxes }: ClipHead, frame: number, read: Read): Image {
  const bytes = 3 * width * height;
  const pixels = read(headBytes + boxes.length * boxBytes + frame * bytes, bytes);
  return { width, height, channels: 3, pixels };
}

/** Of a packed clip, for people. */
export function clipInWords(packed: Uint8Array): string {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  const { width, height, boxes } = readClipHead((from, length) =>
    bytes.subarray(from, from + length),
  );
  return `${boxes.length} frames of ${width} x ${height} pixels`;
}
