// The account of restarts. With a bus its record is the truth and status a copy, because workers open generations too; without one status
// is all there is.
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { GenerationCause } from '../../crds/wire/generation-causes.ts';
import type { StateRecord } from '../../crds/wire/state.ts';
import type { Opinion } from './decision.ts';
import { presentBus, type View } from './view.ts';

export type Restarts = StateRecord['restarts'];

export function restartsOf(view: View): Restarts {
  const record = presentBus(view.facts)?.state?.restarts;
  if (record !== undefined) return record;
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

/** Asks for a new world with this account; without a bus only the account is kept. */
export function openGeneration(
  view: View,
  cause: GenerationCause,
  restarts: Restarts,
  epoch: number,
): Opinion {
  const state = presentBus(view.facts)?.state;
  return {
    status: { restarts: shown(view.status.restarts, restarts) },
    calls:
      state === undefined
        ? []
        : [{ type: 'OpenGeneration', from: state.generation, cause, epoch, restarts }],
  };
}
