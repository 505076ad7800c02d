// Power of the discrete Fourier transform of frames of 400 samples under a periodic Hann window.
// 400 is no power of two, and a table of cosines and sines is exact and short; sums and differences
// of samples that lie symmetrically halve its work.

export const frameLength = 400;
const half = frameLength / 2;
/** Frequencies from 0 to half of the sample rate. */
export const frequencies: number = half + 1;

const turn = (2 * Math.PI) / frameLength;
const hann = Float64Array.from({ length: frameLength }, (_, n) => 0.5 - 0.5 * Math.cos(turn * n));
/** `[frequencies, half + 1]`: angles are reduced to one turn first, so all are equally exact. */
const cosines = table(Math.cos);
const sines = table(Math.sin);

function table(wave: (angle: number) => number): Float64Array {
  const whole = Float64Array.from({ length: frameLength }, (_, n) => wave(turn * n));
  const values = new Float64Array(frequencies * (half + 1));
  for (let k = 0; k < frequencies; k += 1) {
    for (let n = 0; n <= half; n += 1) {
      values[k * (half + 1) + n] = whole[(k * n) % frameLength] ?? 0;
    }
  }
  return values;
}

/** Powers of `frame`, which has `frameLength` samples, go to `powers`, which has `frequencies`. */
export function powerSpectrum(frame: Float64Array, powers: Float64Array): void {
  const [sums, differences] = [new Float64Array(half + 1), new Float64Array(half + 1)];
  const windowed = (n: number): number => (frame[n] ?? 0) * (hann[n] ?? 0);
  // The first and the middle sample have no partner.
  sums[0] = windowed(0);
  sums[half] = windowed(half);
  for (let n = 1; n < half; n += 1) {
    sums[n] = windowed(n) + windowed(frameLength - n);
    differences[n] = windowed(n) - windowed(frameLength - n);
  }
  for (let k = 0; k < frequencies; k += 1) {
    const row = k * (half + 1);
    let [real, imaginary] = [0, 0];
    for (let n = 0; n <= half; n += 1) {
      real += (sums[n] ?? 0) * (cosines[row + n] ?? 0);
      imaginary += (differences[n] ?? 0) * (sines[row + n] ?? 0);
    }
    powers[k] = real * real + imaginary * imaginary;
  }
}
