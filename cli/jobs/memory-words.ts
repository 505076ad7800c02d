// The memory of a run as text. Training and writing the result are two processes with two
// predictions.
import type { TelemetryOf } from '../../crds/wire/telemetry.ts';
import { bytes } from '../terminal/numbers.ts';

type Plan = Pick<TelemetryOf<'plan'>, 'memory' | 'memoryStages' | 'workers'>;

/** Peak bytes of the process that trains. */
export function trainingPeak({ memory, memoryStages = [] }: Plan): number {
  const own = memoryStages.filter(({ stage }) => stage !== 'Publish');
  return own.length === 0 ? memory.peak : Math.max(...own.map(({ peak }) => peak));
}

/** `761.2 MiB predicted, 844.6 MiB to write the result`. */
export function predictedWords(plan: Plan): string {
  const training = trainingPeak(plan);
  const each = (plan.workers ?? 1) > 1 ? ' for each' : '';
  const { peak } = plan.memory;
  const publishing = peak > training ? `, ${bytes(peak)} to write the result` : '';
  return `${bytes(training)} predicted${each}${publishing}`;
}
