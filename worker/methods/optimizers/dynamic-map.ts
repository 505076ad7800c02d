// The 256 values that an 8-bit optimizer state can take, between -1 or 0 and 1: the "dynamic" data
// type of Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization", section 1.3.
//
// A code is (a sign bit,) zero bits that count a power of ten, a one bit, and a linear fraction in
// the remaining bits: the magnitude 10^(e - 6) has 2^e equal steps of (0.1, 1) for e = 0 … 6, each
// represented by its midpoint. Small values keep their order of magnitude, large ones two digits.
// The unsigned map uses the sign bit for the fraction. 0 and 1 are added, so that zeros and the
// largest value of a block are exact.

const decades = 7;

/** 256 ascending values, as float32. */
export function dynamicMap(kind: 'signed' | 'unsigned'): Float32Array {
  const values = [0, 1];
  for (let e = 0; e < decades; e++) {
    const steps = kind === 'signed' ? 2 ** e : 2 ** (e + 1);
    for (let i = 0; i < steps; i++) {
      const magnitude = 10 ** (e - decades + 1) * (0.1 + (0.9 * (i + 0.5)) / steps);
      values.push(magnitude);
      if (kind === 'signed') values.push(-magnitude);
    }
  }
  return Float32Array.from(values).sort();
}
