// The state record that the operator writes where there is none: the first of a job, or the one
// after the bus lost its memory.
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { StateRecord } from '../../crds/wire/state.ts';
import { timeText } from '../runtime/conditions.ts';

interface Beginning {
  readonly workerRevision: number;
  readonly restarts: StateRecord['restarts'];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Status has round and checkpoint as far as they were reported. Workers see their volume, and
 * correct the record where they had come further (worker/supervisor/remembered.ts).
 */
export function firstState(
  { checkpoint, rendezvous, plan }: FineTuneJobStatus,
  { workerRevision, restarts, now }: Beginning,
): StateRecord {
  const { latestStep, latestDigest, latestURI, latestTime, round = 0 } = checkpoint ?? {};
  const last = Math.max(rendezvous?.round ?? 0, round);
  const head =
    latestStep === undefined
      ? {}
      : {
          checkpoint: {
            step: latestStep,
            round,
            manifest: latestURI ?? '',
            digest: latestDigest ?? '',
            time: latestTime ?? timeText(now),
          },
        };
  return {
    v: 1,
    workerRevision,
    round: last + 1,
    opened: { by: 'operator', cause: 'Start', at: timeText(now) },
    adjustments: plan?.adjustments ?? [],
    restarts: isForgiven(restarts, latestTime) ? forgiven(restarts) : restarts,
    ...head,
  };
}

/**
 * A checkpoint is written into status at once, the cleared account of restarts with the next pass.
 * Where the bus was lost between the two, their times tell which came later; times of checkpoints
 * have whole seconds.
 */
function isForgiven({ window }: StateRecord['restarts'], latestTime: string | undefined): boolean {
  const lastRestart = Date.parse(window.at(-1) ?? '');
  return latestTime !== undefined && Date.parse(latestTime) > lastRestart - 1000;
}

function forgiven({ lastCause: _, ...restarts }: StateRecord['restarts']): StateRecord['restarts'] {
  return { ...restarts, sinceCommit: 0, repeats: 0 };
}
