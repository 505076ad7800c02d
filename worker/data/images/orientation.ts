// The field Orientation of EXIF: how a camera was held. Readers of training data turn pictures
// upright, so that a model sees what people see.
import type { Image } from './image.ts';

const orientationTag = 0x0112;
const shortType = 3;

/** 1 to 8 of a TIFF header with its first directory; 1 where it says nothing that can be read. */
export function orientationOf(exif: Uint8Array): number {
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  if (exif.length < 8) return 1;
  const order = view.getUint16(0);
  const little = order === 0x4949;
  if (!little && order !== 0x4d4d) return 1;
  const directory = view.getUint32(4, little);
  if (view.getUint16(2, little) !== 42 || directory + 2 > exif.length) return 1;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i += 1) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > exif.length) return 1;
    if (view.getUint16(at, little) !== orientationTag) continue;
    const value = view.getUint16(at + 8, little);
    const isUsable = view.getUint16(at + 2, little) === shortType && value >= 1 && value <= 8;
    return isUsable ? value : 1;
  }
  return 1;
}

/** Where the upright picture takes row and column from; `w` and `h` are those of the stored one. */
const sources: readonly ((
  x: number,
  y: number,
  w: number,
  h: number,
) => readonly [number, number])[] = [
  (x, y) => [x, y],
  (x, y, w) => [w - 1 - x, y],
  (x, y, w, h) => [w - 1 - x, h - 1 - y],
  (x, y, _, h) => [x, h - 1 - y],
  (x, y) => [y, x],
  (x, y, _, h) => [y, h - 1 - x],
  (x, y, w, h) => [w - 1 - y, h - 1 - x],
  (x, y, w) => [w - 1 - y, x],
];

/** The picture upright; from 5 on, width and height change places. */
export function turned(image: Image, orientation: number): Image {
  const source = sources[orientation - 1];
  if (orientation === 1 || source === undefined) return image;
  const { width: w, height: h, channels } = image;
  const [width, height] = orientation > 4 ? [h, w] : [w, h];
  const pixels = new Uint8Array(image.pixels.length);
  // Linear in x and y, so two differences say where each next pixel is.
  const offset = (x: number, y: number): number => {
    const [fromX, fromY] = source(x, y, w, h);
    return (fromY * w + fromX) * channels;
  };
  const start = offset(0, 0);
  const [right, down] = [offset(1, 0) - start, offset(0, 1) - start];
  let to = 0;
  for (let y = 0; y < height; y += 1) {
    let from = start + y * down;
    for (let x = 0; x < width; x += 1, from += right) {
      for (let c = 0; c < channels; c += 1) pixels[to++] = image.pixels[from + c] ?? 0;
    }
  }
  return { width, height, channels, pixels };
}
