// A picture through a Gaussian filter, along rows and along columns; behind the edge the last
// pixels repeat.
import type { Image } from '../images/image.ts';

/** @param sigma standard deviation in pixels, above 0; weights reach three times as far */
export function blurred(image: Image, sigma: number): Image {
  const { width, height, channels, pixels } = image;
  const weights = gaussian(sigma);
  const row = width * channels;
  const rows = convolved(Float64Array.from(pixels), weights, {
    ...{ lines: height, line: row, length: width, step: channels },
  });
  const both = convolved(rows, weights, { lines: 1, line: 0, length: height, step: row });
  return { ...image, pixels: Uint8Array.from(both, (value) => Math.round(value)) };
}

/** The weights of places 0, 1, 2 … away; both sides add up to 1. */
function gaussian(sigma: number): readonly number[] {
  const reach = Math.max(1, Math.ceil(3 * sigma));
  const all = Array.from({ length: reach + 1 }, (_, i) => Math.exp(-(i ** 2) / (2 * sigma ** 2)));
  const sum = all.reduce((total, own, i) => total + (i === 0 ? own : 2 * own), 0);
  return all.map((own) => own / sum);
}

/** `length` places of `step` values each, in lines that begin `line` apart. */
interface Layout {
  readonly lines: number;
  readonly line: number;
  readonly length: number;
  readonly step: number;
}

function convolved(
  from: Float64Array,
  weights: readonly number[],
  { lines, line, length, step }: Layout,
): Float64Array {
  const to = new Float64Array(from.length);
  for (let each = 0; each < lines; each += 1) {
    for (let place = 0; place < length; place += 1) {
      const at = each * line + place * step;
      for (const [away, weight] of weights.entries()) {
        const before = each * line + Math.max(0, place - away) * step;
        const behind = each * line + Math.min(length - 1, place + away) * step;
        for (let i = 0; i < step; i += 1) {
          const both = (from[before + i] ?? 0) + (away === 0 ? 0 : (from[behind + i] ?? 0));
          to[at + i] = (to[at + i] ?? 0) + weight * both;
        }
      }
    }
  }
  return to;
}
