// Coefficients of a component → its samples: dequantization and the inverse cosine transform in
// integers of libjpeg (jidctint.c), after Loeffler, Ligtenberg and Moschytz, ICASSP 1989.
import { damagedJpeg } from './jpeg-damage.ts';
import type { Component, Frame } from './jpeg-frame.ts';
import { zigzag } from './jpeg-scan.ts';

export interface Plane {
  readonly width: number;
  readonly height: number;
  /** `[height, width]`. */
  readonly samples: Uint8Array;
}

/** The coefficients of a component, and what they are multiples of. */
export type Blocks = Pick<Component, 'h' | 'v' | 'rows' | 'columns' | 'stride' | 'coefficients'> &
  Pick<Component, 'quantization'>;

/** Sides of a picture, and samples of its finest component. */
export type Sides = Pick<Frame, 'width' | 'height' | 'maxH' | 'maxV'>;

/** The samples as sampled: fewer than pixels where `h` or `v` are below those of the frame. */
export function planeOf(component: Blocks, frame: Sides): Plane {
  const { coefficients, stride, rows, columns, quantization } = component;
  if (quantization === undefined) throw damagedJpeg('lacks a quantization table or a scan');
  const factors = new Int32Array(64);
  for (const [i, at] of zigzag.entries()) factors[at] = quantization[i] ?? 0;
  const width = Math.ceil((frame.width * component.h) / frame.maxH);
  const height = Math.ceil((frame.height * component.v) / frame.maxV);
  const samples = new Uint8Array(width * height);
  const block = new Int32Array(64);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const at = (row * stride + column) * 64;
      for (let i = 0; i < 64; i += 1) block[i] = (coefficients[at + i] ?? 0) * (factors[i] ?? 0);
      transform(block);
      const [across, down] = [Math.min(8, width - 8 * column), Math.min(8, height - 8 * row)];
      for (let y = 0; y < down; y += 1) {
        const to = (8 * row + y) * width + 8 * column;
        for (let x = 0; x < across; x += 1) samples[to + x] = clamped(block[8 * y + x] ?? 0);
      }
    }
  }
  return { width, height, samples };
}

function clamped(value: number): number {
  return Math.max(0, Math.min(255, value + 128));
}

const constantBits = 13;
/** Bits that the first pass keeps. */
const passBits = 2;

function transform(block: Int32Array): void {
  for (let column = 0; column < 8; column += 1) {
    transform8(block, column, 8, constantBits - passBits);
  }
  for (let row = 0; row < 64; row += 8) transform8(block, row, 1, constantBits + passBits + 3);
}

/** Eight values `step` apart in place, divided by 2^shift. Constants are of 13 fractional bits. */
function transform8(block: Int32Array, at: number, step: number, shift: number): void {
  const value = (i: number): number => block[at + i * step] ?? 0;
  const round = 1 << (shift - 1);
  // Even places.
  const shared = (value(2) + value(6)) * 4433;
  const even2 = shared - value(6) * 15137;
  const even3 = shared + value(2) * 6270;
  const even0 = (value(0) + value(4)) * 8192;
  const even1 = (value(0) - value(4)) * 8192;
  const [a0, a3, a1, a2] = [even0 + even3, even0 - even3, even1 + even2, even1 - even2];
  // Odd places.
  const [v7, v5, v3, v1] = [value(7), value(5), value(3), value(1)];
  const z5 = (v7 + v3 + v5 + v1) * 9633;
  const z1 = (v7 + v1) * -7373;
  const z2 = (v5 + v3) * -20995;
  const z3 = (v7 + v3) * -16069 + z5;
  const z4 = (v5 + v1) * -3196 + z5;
  const b0 = v7 * 2446 + z1 + z3;
  const b1 = v5 * 16819 + z2 + z4;
  const b2 = v3 * 25172 + z2 + z3;
  const b3 = v1 * 12299 + z1 + z4;
  block[at] = (a0 + b3 + round) >> shift;
  block[at + 7 * step] = (a0 - b3 + round) >> shift;
  block[at + step] = (a1 + b2 + round) >> shift;
  block[at + 6 * step] = (a1 - b2 + round) >> shift;
  block[at + 2 * step] = (a2 + b1 + round) >> shift;
  block[at + 5 * step] = (a2 - b1 + round) >> shift;
  block[at + 3 * step] = (a3 + b0 + round) >> shift;
  block[at + 4 * step] = (a3 - b0 + round) >> shift;
}
