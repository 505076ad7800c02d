/**
 * Log-mel features of Whisper (Radford et al., 2022, section 2.2): the power spectrum of frames of
 * 25 ms every 10 ms through a bank of mel filters, its logarithm, no lower than the loudest value
 * of the clip less 8, then (x + 4) / 4. Since the floor depends on the whole clip, features of a
 * part are not a part of the features.
 */
import { melFilters } from './mel-filters.ts';
import { frameLength, frequencies, powerSpectrum } from './power-spectrum.ts';

/** Samples between two frames: 10 ms. */
const hop = 160;
const half = frameLength / 2;
/** Smaller powers count as this one. */
const leastPower = 1e-10;
/** Powers of ten that the features span. */
const range = 8;

export interface LogMel {
  readonly filters: number;
  readonly frames: number;
  /** float32 `[filters, frames]`. */
  readonly values: Float32Array;
}

/**
 * Features of one clip, which is padded with silence or cut to `frames` times 10 ms (Whisper: 3000,
 * half a minute).
 *
 * @param samples 16 bits, 16,000 a second
 * @param filters 80, or 128 for large-v3
 * @param frames at least 2
 */
export function logMel(samples: Int16Array, filters: number, frames: number): LogMel {
  const clip = new Float64Array(hop * frames);
  for (let i = 0; i < Math.min(clip.length, samples.length); i += 1) {
    clip[i] = (samples[i] ?? 0) / 32_768;
  }
  const bank = melFilters(filters);
  const powers = new Float64Array(frequencies);
  const frame = new Float64Array(frameLength);
  const values = new Float64Array(filters * frames);
  let loudest = Number.NEGATIVE_INFINITY;
  for (let t = 0; t < frames; t += 1) {
    const isSilent = fillFrame(frame, clip, hop * t - half);
    if (!isSilent) powerSpectrum(frame, powers);
    for (const [m, { first, weights }] of bank.entries()) {
      let sum = 0;
      if (!isSilent) {
        for (let k = 0; k < weights.length; k += 1) {
          sum += (weights[k] ?? 0) * (powers[first + k] ?? 0);
        }
      }
      const value = Math.log10(Math.max(leastPower, sum));
      values[m * frames + t] = value;
      loudest = Math.max(loudest, value);
    }
  }
  const floor = loudest - range;
  return {
    ...{ filters, frames },
    values: Float32Array.from(values, (value) => (Math.max(value, floor) + 4) / 4),
  };
}

/** Copies samples from `start` on; before and behind the clip they are mirrored. True for zeros. */
function fillFrame(frame: Float64Array, clip: Float64Array, start: number): boolean {
  const last = clip.length - 1;
  let isSilent = true;
  for (let i = 0; i < frameLength; i += 1) {
    const at = Math.abs(start + i);
    const value = clip[at > last ? 2 * last - at : at] ?? 0;
    frame[i] = value;
    isSilent &&= value === 0;
  }
  return isSilent;
}
