// The account of restarts. With a bus, its record is the truth and status a copy, because workers
// open rounds too; without one, there is only status. The step to the next revision alone is
// written into status first, so status may be ahead until the bus has it.
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { RendezvousCause } from '../../crds/wire/rendezvous-causes.ts';
import type { StateRecord } from '../../crds/wire/state.ts';
import type { PolicyResult } from './decision.ts';
import type { View } from './view.ts';

export type Restarts = StateRecord['restarts'];

export function restartsOf(view: View): Restarts {
  const record = view.bus?.state?.restarts;
  const own = ofStatus(view);
  return record !== undefined && events(record) >= events(own) ? record : own;
}

/** None of them ever falls. */
function events({ counted, disruptions, resizes }: Restarts): number {
  return counted + disruptions + resizes;
}

function ofStatus(view: View): Restarts {
  const { counted = 0, disruptions = 0, resizes = 0, window = [] } = view.status.restarts ?? {};
  const { sinceCommit = 0, lastCause, repeats = 0 } = view.status.restarts ?? {};
  return {
    ...{ counted, disruptions, resizes, window, sinceCommit, repeats },
    ...(lastCause === undefined ? {} : { lastCause }),
  };
}

type StatusRestarts = NonNullable<FineTuneJobStatus['restarts']>;

/** The account as status shows it, beside what only status knows. */
export function shown(before: FineTuneJobStatus['restarts'], restarts: Restarts): StatusRestarts {
  const { lastRecoverySeconds, lastCause, ...counts } = restarts;
  return {
    ...before,
    ...counts,
    ...(lastCause === undefined ? {} : { lastCause }),
    ...(lastRecoverySeconds === undefined
      ? {}
      : { lastRecoverySeconds: lastRecoverySeconds.toFixed(1) }),
  };
}

interface Round {
  readonly cause: RendezvousCause;
  readonly restarts: Restarts;
  /** Whose pods are to join; those of the present one where nothing is said. */
  readonly workerRevision?: number;
  /** UIDs of pods that may join no more. */
  readonly lost?: readonly string[];
}

/**
 * Asks for a new world with this account, without the pods that are lost; both then stand in the
 * record. Without a bus, status keeps the account.
 */
export function openRound(view: View, round: Round): PolicyResult {
  const state = view.bus?.state;
  if (state === undefined) {
    return { status: { restarts: shown(view.status.restarts, round.restarts) } };
  }
  const { workerRevision } = view;
  return { calls: [{ type: 'OpenRound', from: state.round, workerRevision, ...round }] };
}
