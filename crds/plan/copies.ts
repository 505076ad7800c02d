// Copies of the state in the memory of pods: whether there are any, and their size. Pure, so that
// the operator reserves the memory that the supervisor will use.
import type { FineTuneJobSpec } from '../api/job.ts';

type CopyMode = NonNullable<FineTuneJobSpec['checkpoint']['memory']['mode']>;

export function copyModeOf({
  checkpoint,
  worker,
}: Pick<FineTuneJobSpec, 'checkpoint' | 'worker'>): CopyMode {
  return checkpoint.memory.mode ?? (worker.replicas > 1 ? 'LocalAndPeer' : 'None');
}

/** Per trained parameter: a float32 value and two moments. */
const bytesPerParameter = 12;

/** Copies of each kind: a complete one on all pods, and the next one in progress. */
export const copiesOfAKind = 2;

/**
 * The most bytes that a pod keeps for each of its trainers. `shards`: ranks of the smallest
 * possible world, over which the parameters are sharded.
 */
export function copyBytes(trainedParameters: number, shards: number, mode: CopyMode): number {
  const kinds = { None: 0, Local: 1, LocalAndPeer: 2 }[mode];
  return kinds * copiesOfAKind * bytesPerParameter * Math.ceil(trainedParameters / shards);
}
