// The memory of a run as text. Training and writing the result are two processes with two
// predictions.
import type { TelemetryOf } from '../../crds/wire/telemetry.ts';
import { bytes } from '../terminal/numbers.ts';

type Plan = Pick<TelemetryOf<'plan'>, 'memory' | 'memoryStages' | 'workers' | 'hostMemory'>;
type Memory = TelemetryOf<'step'>['memory'];

/** Of the device that has the model; of the process where that is the processor. */
export function modelMemory(memory: Memory): Pick<Memory, 'now' | 'peak'> {
  return memory.device ?? memory;
}

/** `900.0 MiB now · 1.0 GiB at most`, with the peak of the host where the model is elsewhere. */
export function memoryWords(memory: Memory, predicted?: number): string {
  const { now, peak } = modelMemory(memory);
  return [
    ...[`${bytes(now)} now`, `${bytes(peak)} at most`],
    ...(predicted === undefined ? [] : [`${bytes(predicted)} predicted`]),
    ...(memory.device === undefined ? [] : [`host ${bytes(memory.peak)}`]),
  ].join(' · ');
}

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
  const host = plan.hostMemory === undefined ? '' : `, ${bytes(plan.hostMemory.peak)} of the host`;
  return `${bytes(training)} predicted${each}${publishing}${host}`;
}
