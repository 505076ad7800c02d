// What learning along the trajectories of the base asks of plans.
import type { FineTuneJobSpec } from '../api/job.ts';
import { type Quantization, trajectoryOf } from '../api/quantization.ts';
import { parseDecimal } from '../schema/decimal.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { parametersOf } from './parameters.ts';
import { valueBytes } from './static-bytes.ts';

type Training = Pick<FineTuneJobSpec['training'], 'trajectory'>;

/** Pictures that are made at once, for what is measured of a model. */
export const picturesTogether = 8;

/** Tokens of a picture of so many patches: with all its denoising steps, and in one of them. */
export function tokensOfMaking(
  own: Pick<Quantization, 'trajectory'>,
  patches: number,
): { readonly all: number; readonly once: number } {
  const trajectory = trajectoryOf(own);
  const once = passesOf({ trajectory }) * patches;
  return { all: trajectory.steps * once, once };
}

/** How often a picture passes the model in a step: with guidance with its class and without. */
export function passesOf({ trajectory }: Training): number {
  return trajectory === undefined || parseDecimal(trajectory.guidance) === 1 ? 1 : 2;
}

/** Sequences of an epoch, where an epoch is one trajectory of each picture of a step. */
export function trajectorySequences(training: Training, perStep: number): number | undefined {
  return training.trajectory && training.trajectory.steps * perStep;
}

/** The base beside the model that learns, whole at each rank. */
export function baseBytes({
  facts,
  method,
  followsBase = false,
  storedBfloat16 = 0,
}: MemoryQuestion): number {
  if (!followsBase) return 0;
  const { total } = parametersOf(facts);
  const width = valueBytes(method);
  return total * width - (width === 2 ? 0 : 2 * Math.min(storedBfloat16, total));
}
