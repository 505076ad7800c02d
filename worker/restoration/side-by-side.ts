// Pictures for people: what the network saw, what it made of it, and what it should be, from left
// to right.
import type { Image } from '../data/images/image.ts';

/** Values from 0 to 1 by row, column and colour; others are clipped. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly values: ArrayLike<number>;
}

/** White pixels between two pictures. */
const gap = 4;

/** Each is drawn as high as the highest, whose height is a multiple of its own. */
export function sideBySide(planes: readonly Plane[]): Image {
  const height = Math.max(...planes.map((plane) => plane.height));
  const widths = planes.map((plane) => (plane.width * height) / plane.height);
  const width = widths.reduce((sum, own) => sum + own, 0) + gap * (planes.length - 1);
  const pixels = new Uint8Array(3 * width * height).fill(255);
  let left = 0;
  for (const [index, plane] of planes.entries()) {
    const own = widths[index] ?? 0;
    const scale = height / plane.height;
    for (let at = 0; at < own * height; at += 1) {
      const [y, x] = [Math.trunc(at / own), at % own];
      const from = 3 * (Math.trunc(y / scale) * plane.width + Math.trunc(x / scale));
      for (let colour = 0; colour < 3; colour += 1) {
        pixels[3 * (y * width + left + x) + colour] = in8Bits(plane.values[from + colour] ?? 0);
      }
    }
    left += own + gap;
  }
  return { width, height, channels: 3, pixels };
}

function in8Bits(value: number): number {
  return Math.round(255 * Math.min(1, Math.max(0, value)));
}
