// The forward cosine transform of a block of 8 x 8 samples, in integers of libjpeg (jfdctint.c),
// after Loeffler, Ligtenberg and Moschytz, ICASSP 1989. The counterpart of jpeg-plane.ts.

const constantBits = 13;
/** Bits that the first pass keeps. */
const passBits = 2;

/** In place; coefficients are eight times as large as the mathematical ones. */
export function transformForward(block: Int32Array): void {
  for (let row = 0; row < 64; row += 8) transform8(block, row, 1, -passBits);
  for (let column = 0; column < 8; column += 1) transform8(block, column, 8, passBits);
}

/** Eight values `step` apart, divided by 2^shift. Constants are of 13 fractional bits. */
function transform8(block: Int32Array, at: number, step: number, shift: number): void {
  const value = (i: number): number => block[at + i * step] ?? 0;
  const sum = (i: number): number => value(i) + value(7 - i);
  const gap = (i: number): number => value(i) - value(7 - i);
  const put = (i: number, scaled: number): void => {
    const bits = constantBits + shift;
    block[at + i * step] = (scaled + (1 << (bits - 1))) >> bits;
  };
  const [s0, s1, s2, s3] = [sum(0), sum(1), sum(2), sum(3)];
  const [d0, d1, d2, d3] = [gap(0), gap(1), gap(2), gap(3)];
  // Even places.
  const [even0, even3, even1, even2] = [s0 + s3, s0 - s3, s1 + s2, s1 - s2];
  const shared = (even2 + even3) * 4433;
  const whole = [even0 + even1, even0 - even1];
  for (const [i, one] of whole.entries()) {
    block[at + 4 * i * step] = shift < 0 ? one << -shift : (one + (1 << (shift - 1))) >> shift;
  }
  put(2, shared + even3 * 6270);
  put(6, shared - even2 * 15_137);
  // Odd places.
  const z5 = (d3 + d1 + (d2 + d0)) * 9633;
  const z1 = (d3 + d0) * -7373;
  const z2 = (d2 + d1) * -20_995;
  const z3 = (d3 + d1) * -16_069 + z5;
  const z4 = (d2 + d0) * -3196 + z5;
  put(7, d3 * 2446 + z1 + z3);
  put(5, d2 * 16_819 + z2 + z4);
  put(3, d1 * 25_172 + z2 + z3);
  put(1, d0 * 12_299 + z1 + z4);
}
