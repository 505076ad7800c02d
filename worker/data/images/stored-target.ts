// A picture to be restored as a store keeps it: whole, as it was decoded, in RGB.
import { Bug } from '../../../crds/failures/errors.ts';
import { UnusableRecord } from '../../files/unusable-record.ts';
import type { Image } from './image.ts';

/** Width and height as u32. */
const headBytes = 8;

/** Throws UnusableRecord, which completes "FILE …", for a picture smaller than its parts. */
export function packTarget(picture: Image, edge: number): Uint8Array {
  const { width, height } = picture;
  if (width < edge || height < edge) {
    throw new UnusableRecord(
      `is ${width} x ${height} pixels; parts of ${edge} x ${edge} are cut out of it · leave it out, or make spec.dataset.restoration.crop smaller`,
    );
  }
  const pixels = picture.channels === 3 ? picture.pixels : inColour(picture.pixels);
  const packed = new Uint8Array(headBytes + pixels.length);
  const view = new DataView(packed.buffer);
  view.setUint32(0, width, true);
  view.setUint32(4, height, true);
  packed.set(pixels, headBytes);
  return packed;
}

/** Grey samples as three equal ones. */
export function inColour(grey: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: 3 * grey.length }, (_, i) => grey[Math.trunc(i / 3)] ?? 0);
}

export function unpackTarget(packed: Uint8Array): Image {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const [width, height] = [view.getUint32(0, true), view.getUint32(4, true)];
  const pixels = packed.subarray(headBytes);
  if (pixels.length !== 3 * width * height) throw new Bug('a stored picture of other bytes');
  return { width, height, channels: 3, pixels };
}

/** Of a packed picture, for people. */
export function targetInWords(packed: Uint8Array): string {
  const { width, height } = unpackTarget(packed);
  return `${width} x ${height} pixels`;
}

/** A square part of it, `edge` pixels wide. */
export function cutOut(
  { width, pixels }: Image,
  [left, top]: readonly [number, number],
  edge: number,
): Image {
  const part = new Uint8Array(3 * edge * edge);
  for (let row = 0; row < edge; row += 1) {
    const from = 3 * ((top + row) * width + left);
    part.set(pixels.subarray(from, from + 3 * edge), 3 * row * edge);
  }
  return { width: edge, height: edge, channels: 3, pixels: part };
}
