// The whole policy: from facts to the next status, the calls that bring it about, and the time to
// look again. Pure: the same facts give the same decision, on any replica, at any time.
//
// Policies are asked in this order; each sees the status as those before left it. A result that is
// `final` ends the pass.
import type { Condition, Phase } from '../../crds/api/conditions.ts';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import { conditionOf, isTrue, setCondition } from '../runtime/conditions.ts';
import type { EventNote } from '../runtime/events.ts';
import { admit } from './admit.ts';
import { checkpointReady } from './checkpoint-ready.ts';
import { countTime, deadline } from './deadline.ts';
import type { Call, ConditionReason, Decision, PolicyResult } from './decision.ts';
import { expire } from './expiry.ts';
import type { Facts } from './facts.ts';
import { failedResult, failures } from './failure.ts';
import { finalise } from './finalise.ts';
import { schedulingDeadline } from './gang.ts';
import { initialize } from './initialize.ts';
import { leaveNamespace } from './leave-namespace.ts';
import { phaseOf } from './phase.ts';
import { podsReady } from './pods-ready.ts';
import { pooled } from './pooled.ts';
import { publish } from './publish.ts';
import { queue } from './queue.ts';
import { rendezvous } from './rendezvous.ts';
import { resize } from './resize.ts';
import { saveAsked } from './save-asked.ts';
import { fail } from './settle.ts';
import { straggler } from './straggler.ts';
import { suspend } from './suspend.ts';
import { unreadable, validate } from './validate.ts';
import { earliest, type View, viewOf } from './view.ts';
import { replacePlan, startWorkers } from './workers.ts';

const policies: readonly ((view: View) => PolicyResult)[] = [
  admit,
  leaveNamespace,
  validate,
  publish,
  failedResult,
  deadline,
  suspend,
  initialize,
  pooled,
  saveAsked,
  startWorkers,
  queue,
  failures,
  podsReady,
  schedulingDeadline,
  replacePlan,
  rendezvous,
  resize,
  checkpointReady,
  straggler,
];

export function decide(facts: Facts): Decision {
  const { job } = facts;
  if (job.deletedAt !== undefined) return finalise(facts);
  if (isOver(job.status)) return expire(facts);
  const draft = new Draft(facts);
  const { refused } = facts;
  if (refused?.isFinal === true) {
    const { message } = refused;
    draft.take(fail({ facts, status: job.status }, { code: 'E_INVALID_SPEC', message }));
    return draft.decision();
  }
  if (refused !== undefined) draft.take({ stalled: conditionReasonOf(refused) });
  if (job.spec === undefined) {
    draft.take(unreadable(facts));
    return draft.decision();
  }
  const view = viewOf(facts, job.spec);
  for (const policy of policies) {
    if (draft.take(policy({ ...view, status: draft.status }))) break;
  }
  draft.take(countTime({ ...view, status: draft.status }));
  return draft.decision();
}

export function isOver({ conditions = [] }: FineTuneJobStatus): boolean {
  return isTrue(conditions, 'Complete') || isTrue(conditions, 'Failed');
}

/** The results of the policies, folded. It lives as long as one decision. */
class Draft {
  readonly #facts: Facts;
  #status: FineTuneJobStatus;
  #conditions: readonly Condition[];
  #stalled: ConditionReason | undefined;
  #degraded: ConditionReason | undefined;
  #wakeAt: number | undefined;
  readonly #calls: Call[] = [];
  readonly #events: EventNote[] = [];

  constructor(facts: Facts) {
    this.#facts = facts;
    this.#status = facts.job.status;
    this.#conditions = facts.job.status.conditions ?? [];
  }

  get status(): FineTuneJobStatus {
    return { ...this.#status, conditions: [...this.#conditions] };
  }

  /** True when no other policy should be asked. */
  take(result: PolicyResult): boolean {
    const { now, job } = this.#facts;
    const stamp = { now, generation: job.generation };
    for (const change of result.conditions ?? []) {
      this.#conditions = setCondition(this.#conditions, change, stamp);
    }
    this.#status = { ...this.#status, ...result.status };
    this.#calls.push(...(result.calls ?? []));
    this.#events.push(...(result.events ?? []));
    this.#stalled ??= result.stalled;
    this.#degraded ??= result.degraded;
    this.#wakeAt = earliest(this.#wakeAt, result.wakeAt);
    return result.final === true;
  }

  decision(): Decision {
    const { job } = this.#facts;
    this.#takeAbnormal('Stalled', this.#stalled, 'Moving', 'nothing is in the way');
    this.#takeAbnormal('Degraded', this.#degraded, 'AsAsked', 'the job runs as it was asked to');
    const status: FineTuneJobStatus = {
      ...this.status,
      observedGeneration: job.generation,
      phase: phaseOf(this.#conditions),
    };
    return {
      status: withoutUndefined(status),
      calls: isOver(status) ? this.#calls.filter(({ type }) => !creating.has(type)) : this.#calls,
      events: [...this.#transitions(status), ...this.#events],
      wakeAt: this.#wakeAt,
    };
  }

  /**
   * Of the conditions that are True where something is wrong; False once no policy gives a reason.
   */
  #takeAbnormal(
    type: 'Stalled' | 'Degraded',
    found: ConditionReason | undefined,
    reason: string,
    message: string,
  ) {
    const before = conditionOf(this.#conditions, type);
    if (found !== undefined) this.take({ conditions: [{ type, status: 'True', ...found }] });
    else if (before?.status === 'True') {
      this.take({ conditions: [{ type, status: 'False', reason, message }] });
    }
  }

  #transitions({ phase }: FineTuneJobStatus): readonly EventNote[] {
    const before = this.#facts.job.status.phase;
    if (phase === undefined || phase === before || !eventful.has(phase)) return [];
    const note =
      before === undefined ? `the job is ${phase}` : `the job went from ${before} to ${phase}`;
    return [{ type: 'Normal', reason: phase, note, action: 'Reconcile' }];
  }
}

/**
 * Phases that get an event. Each event is a write: of the phases that every job passes in a moment,
 * conditions tell more; an end and a restart have events of their own.
 */
const eventful: ReadonlySet<Phase> = new Set(['Queued', 'Running', 'Resizing', 'Suspended']);

function conditionReasonOf({ reason, message }: ConditionReason): ConditionReason {
  return { reason, message };
}

const creating = new Set<Call['type']>(['Create', 'Share', 'EnsurePlan', 'Apply', 'InitState']);

/** As it comes back from the API server, so that two statuses can be compared. */
function withoutUndefined<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
