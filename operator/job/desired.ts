// The record by which the operator tells workers what it wants: how many, whether to stop, the
// fields that may change while they run.
import { isDeepStrictEqual } from 'node:util';
import { splitLive } from '../../crds/plan/live.ts';
import { fewestWorkers } from '../../crds/plan/world.ts';
import type { DesiredRecord } from '../../crds/wire/state.ts';
import { timeText } from '../runtime/conditions.ts';
import type { Call } from './decision.ts';
import type { View } from './view.ts';

interface Wanted {
  readonly stop?: DesiredRecord['stop'];
  /** Milliseconds since 1970. */
  readonly deadline?: number | undefined;
  readonly workers?: number;
  readonly save?: number;
}

/** A call that makes the bus say so; undefined where it does already, or does not answer. */
export function desiredOf(view: View, wanted: Wanted): Call | undefined {
  const { bus } = view;
  if (bus === undefined) return undefined;
  const { worker } = view.spec;
  const { workerRevision } = view;
  const before = bus.desired?.workerRevision === workerRevision ? bus.desired : undefined;
  const trained = view.state?.world?.size;
  const elastic = worker.elasticity !== 'None';
  const record: DesiredRecord = {
    v: 1,
    workerRevision,
    // A change of their number is the business of resize.ts; until then those that train are
    // wanted.
    workers: wanted.workers ?? before?.workers ?? trained ?? worker.replicas,
    min: fewestWorkers(worker),
    max: elastic ? (worker.maxReplicas ?? worker.replicas) : worker.replicas,
    save: wanted.save ?? before?.save ?? 0,
    stop: wanted.stop ?? 'None',
    plan: view.plan.digest,
    ...(wanted.deadline === undefined ? {} : { deadline: timeText(wanted.deadline) }),
    live: JSON.parse(JSON.stringify(splitLive(view.spec).live)) as unknown,
  };
  return isDeepStrictEqual(record, bus.desired) ? undefined : { type: 'WriteDesired', record };
}
