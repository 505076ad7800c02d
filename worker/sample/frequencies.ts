// How much of a picture is fine detail: the amplitudes of its Fourier transform, by radius. Zou et
// al. 2025 (CMLoRA, arXiv 2502.04923). Their code averages radii from 80 on, of which latents of
// 64 x 64 have none; here the outermost fifth of the radii counts, whatever the size.
import type { PictureShape } from '../diffusion/patches.ts';

const outer = 0.2;

/**
 * Mean amplitude of the outer radii, relative to the largest of any radius: from 0 to 1. Of values
 * `[C, side, side]`, whose channels are averaged first; 0 for a picture that has none but zeros.
 */
export function highFrequencies(
  picture: Float32Array,
  shape: Pick<PictureShape, 'channels' | 'side'>,
): number {
  const profile = radialAmplitudes(picture, shape);
  const largest = Math.max(...profile);
  if (largest === 0) return 0;
  const found = profile.slice(Math.ceil((1 - outer) * (profile.length - 1)));
  return found.reduce((sum, value) => sum + value, 0) / found.length / largest;
}

/** Mean amplitude at each whole radius, from that of the mean on; none is of no frequency. */
export function radialAmplitudes(
  picture: Float32Array,
  { channels, side }: Pick<PictureShape, 'channels' | 'side'>,
): readonly number[] {
  const area = side ** 2;
  const mean = Float64Array.from({ length: area }, (_, at) => {
    let sum = 0;
    for (let c = 0; c < channels; c += 1) sum += picture[c * area + at] ?? 0;
    return sum / channels;
  });
  const amplitudes = amplitudesOf(mean, side);
  const half = Math.floor(side / 2);
  const sums: number[] = [];
  const counts: number[] = [];
  for (const [at, amplitude] of amplitudes.entries()) {
    // Frequencies of the second half are negative.
    const [y, x] = [Math.floor(at / side), at % side].map((k) => ((k + half) % side) - half);
    const radius = Math.floor(Math.hypot(x ?? 0, y ?? 0));
    sums[radius] = (sums[radius] ?? 0) + amplitude;
    counts[radius] = (counts[radius] ?? 0) + 1;
  }
  return sums.map((sum, radius) => sum / (counts[radius] ?? 1));
}

/** Of the two-dimensional discrete Fourier transform of real values, rows first. */
function amplitudesOf(values: Float64Array, side: number): Float64Array {
  const angle = (2 * Math.PI) / side;
  const cosines = Float64Array.from({ length: side }, (_, k) => Math.cos(angle * k));
  const sines = Float64Array.from({ length: side }, (_, k) => Math.sin(angle * k));
  const rows = { real: new Float64Array(side ** 2), imaginary: new Float64Array(side ** 2) };
  for (let y = 0; y < side; y += 1) {
    for (let k = 0; k < side; k += 1) {
      let [real, imaginary] = [0, 0];
      for (let x = 0; x < side; x += 1) {
        const value = values[y * side + x] ?? 0;
        real += value * (cosines[(k * x) % side] ?? 0);
        imaginary -= value * (sines[(k * x) % side] ?? 0);
      }
      rows.real[y * side + k] = real;
      rows.imaginary[y * side + k] = imaginary;
    }
  }
  return Float64Array.from({ length: side ** 2 }, (_, at) => {
    const [k, column] = [Math.floor(at / side), at % side];
    let [real, imaginary] = [0, 0];
    for (let y = 0; y < side; y += 1) {
      const [a, b] = [rows.real[y * side + column] ?? 0, rows.imaginary[y * side + column] ?? 0];
      const [cosine, sine] = [cosines[(k * y) % side] ?? 0, sines[(k * y) % side] ?? 0];
      real += a * cosine + b * sine;
      imaginary += b * cosine - a * sine;
    }
    return Math.hypot(real, imaginary);
  });
}
