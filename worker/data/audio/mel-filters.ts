// The mel filters of Slaney's Auditory Toolbox (Malcolm Slaney, 1998), as librosa and Whisper have
// them: triangles between 0 and 8000 Hz, linear below 1000 Hz, logarithmic above, of equal area.
import { frequencies } from './power-spectrum.ts';
import { sampleRate } from './wav.ts';

interface MelFilter {
  /** The first frequency with a weight, as a number of the spectrum. */
  readonly first: number;
  readonly weights: Float64Array;
}

const melAt1000 = 15;
const melStep = Math.log(6.4) / 27;

function toMel(hertz: number): number {
  return hertz < 1000 ? (3 * hertz) / 200 : melAt1000 + Math.log(hertz / 1000) / melStep;
}

function toHertz(mel: number): number {
  return mel < melAt1000 ? (200 * mel) / 3 : 1000 * Math.exp(melStep * (mel - melAt1000));
}

/** `count` filters, the lowest first. */
export function melFilters(count: number): readonly MelFilter[] {
  const nyquist = sampleRate / 2;
  const step = toMel(nyquist) / (count + 1);
  const edges = Array.from({ length: count + 2 }, (_, i) => toHertz(i * step));
  return Array.from({ length: count }, (_, i) => {
    const [low = 0, peak = 0, high = 0] = edges.slice(i, i + 3);
    const weightAt = (k: number): number => {
      const hertz = (k * nyquist) / (frequencies - 1);
      const height = Math.min((hertz - low) / (peak - low), (high - hertz) / (high - peak));
      return Math.max(0, height) * (2 / (high - low));
    };
    const all = Array.from({ length: frequencies }, (_, k) => weightAt(k));
    const first = Math.max(
      0,
      all.findIndex((weight) => weight > 0),
    );
    const end = all.findLastIndex((weight) => weight > 0) + 1;
    return { first, weights: Float64Array.from(all.slice(first, end)) };
  });
}
