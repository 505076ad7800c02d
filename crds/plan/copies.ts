// Copies of the state in the memory of pods: whether there are any, and the room that they take.
// Pure, so that the operator gives a pod what its supervisor will use.
import type { FineTuneJobSpec } from '../api/job.ts';

type CopyMode = NonNullable<FineTuneJobSpec['checkpoint']['memory']['mode']>;

export function copyModeOf({
  checkpoint,
  worker,
}: Pick<FineTuneJobSpec, 'checkpoint' | 'worker'>): CopyMode {
  return checkpoint.memory.mode ?? (worker.replicas > 1 ? 'LocalAndPeer' : 'None');
}

/** Of a trained parameter: a float32 value and two moments. */
const bytesPerParameter = 12;

/** Of each kind: one that is whole everywhere, and the one that is being made. */
export const copiesOfAKind = 2;

/**
 * The most bytes that a pod keeps. `shards`: ranks of the smallest world that may train, among
 * which the parameters are shared out.
 */
export function copyBytes(trainedParameters: number, shards: number, mode: CopyMode): number {
  const kinds = { None: 0, Local: 1, LocalAndPeer: 2 }[mode];
  return kinds * copiesOfAKind * bytesPerParameter * Math.ceil(trainedParameters / shards);
}
