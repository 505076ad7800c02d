// Luma and chroma of JFIF → RGB in integers of 16 fractional bits, as libjpeg does (jdcolor.c).
import type { Plane } from './jpeg-plane.ts';

const fixed = (value: number): number => Math.trunc(value * 65_536 + 0.5);
const half = 32_768;
const centred = (value: (chroma: number) => number): Int32Array =>
  Int32Array.from({ length: 256 }, (_, sample) => value(sample - 128));

const redOfCr = centred((cr) => (fixed(1.402) * cr + half) >> 16);
const blueOfCb = centred((cb) => (fixed(1.772) * cb + half) >> 16);
const greenOfCr = centred((cr) => -fixed(0.71414) * cr);
const greenOfCb = centred((cb) => -fixed(0.34414) * cb + half);

/** `[height, width, 3]` of three planes of one size, which are RGB already if `isYcc` is false. */
export function toRgbPixels(
  [first, second, third]: readonly [Plane, Plane, Plane],
  isYcc: boolean,
): Uint8Array {
  const count = first.samples.length;
  // Clamps by itself.
  const pixels = new Uint8ClampedArray(3 * count);
  for (let i = 0; i < count; i += 1) {
    const a = first.samples[i] ?? 0;
    const b = second.samples[i] ?? 0;
    const c = third.samples[i] ?? 0;
    pixels[3 * i] = isYcc ? a + (redOfCr[c] ?? 0) : a;
    pixels[3 * i + 1] = isYcc ? a + (((greenOfCb[b] ?? 0) + (greenOfCr[c] ?? 0)) >> 16) : b;
    pixels[3 * i + 2] = isYcc ? a + (blueOfCb[b] ?? 0) : c;
  }
  return new Uint8Array(pixels.buffer);
}
