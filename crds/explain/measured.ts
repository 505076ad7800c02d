// What adapters came to in short runs on a real model, each beside LoRA. The figures are printed
// from docs/evidence/seeds.jsonl, by what runs the benchmark.
import { measured } from './measured.generated.ts';

/** Over the seeds. */
interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Measured {
  /** How the frozen weights were stored; those of LoRA were Dense. */
  readonly base: string;
  readonly learningRate: number;
  /** Values that train; as all single numbers here, the median over the seeds. */
  readonly trained: number;
  readonly seeds: number;
  /** Mean loss of a held-out token before the first step, in nats. */
  readonly before: number;
  /** The same after the last step; null where a run did not end with a number. */
  readonly after: Spread | null;
  /** After the last step, less that of LoRA with the same seed; null where no seed has both. */
  readonly besideLora: Spread | null;
  /** Of training; what publishes has a peak of its own. */
  readonly peakMiB: number;
  /** Measured peak ÷ planned. */
  readonly ofPlan: number;
  /** Processor time of a step ÷ LoRA's with the same seed; null where no seed counted both. */
  readonly stepOfLora: number | null;
  readonly timedSeeds: number;
}

export interface MeasuredSeries {
  readonly model: string;
  readonly steps: number;
  /** The most that a step has. */
  readonly tokens: number;
  readonly heldOutTokens: number;
  /** By preset, in the parameters of its example; null for one that was not measured. */
  readonly methods: Readonly<Record<string, Measured | null>>;
}

/** Null where it was not measured, undefined of what does not stand in place of LoRA. */
export function measuredOf(preset: string): Measured | null | undefined {
  return Object.hasOwn(measured.methods, preset) ? measured.methods[preset] : undefined;
}

/** That which all others are held against. */
export function measuredLora(): Measured {
  const found = measuredOf('LoRA');
  if (found == null) throw new RangeError('nothing was measured of LoRA');
  return found;
}

/** How far LoRA's losses of the seeds lie apart: a smaller difference tells nothing of a method. */
export function spreadOfLora(): number {
  const { after } = measuredLora();
  return after === null ? Number.NaN : after.most - after.least;
}
