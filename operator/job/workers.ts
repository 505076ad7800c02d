// The worker Job of the current revision: created when all before it is done and no Job of an
// earlier revision is left, followed by the next one when somebody removed it, replaced when its
// plan changed.
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import { childName } from '../../crds/names/child-names.ts';
import { fewestWorkers } from '../../crds/plan/world.ts';
import { parseQuantity } from '../../crds/schema/quantity.ts';
import { runName } from '../../crds/wire/pod.ts';
import type { StateRecord } from '../../crds/wire/state.ts';
import { podGroup } from '../objects/pod-group.ts';
import type { PlannedMemory } from '../objects/resources.ts';
import { workerJob } from '../objects/worker-job.ts';
import type { Call, PolicyResult } from './decision.ts';
import { desiredOf } from './desired.ts';
import { firstState } from './first-state.ts';
import { gangOf } from './gang.ts';
import { enqueued } from './queue.ts';
import { openRound, restartsOf, shown } from './restarts.ts';
import { saveCount } from './save-asked.ts';
import { stopWorkers } from './stop-workers.ts';
import { groundwork, healPlan, surroundings } from './surroundings.ts';
import type { View } from './view.ts';
import { leaveRevision, outdatedWorkers, removeOutdated } from './worker-revisions.ts';

export function startWorkers(view: View): PolicyResult {
  const { workers } = view;
  const calls = [...surroundings(view), ...removeOutdated(view)];
  if (workers === undefined) return wasRemoved(view) ? afterRemoval(view) : create(view, calls);
  if (workers.planDigest !== view.plan.digest) {
    return stopWorkers(view, workers, 'the spec was changed while the workers stopped');
  }
  const { name, uid, number } = workers;
  return {
    status: { workerRevision: number, jobRef: { name, uid } },
    calls: [...calls, ...recordsOf(view)],
  };
}

/** We saw the Job of this revision, did not remove it, and it is gone or going. */
function wasRemoved(view: View): boolean {
  const { jobRef } = view.status;
  return jobRef?.name === childName.workers(view.facts.job.name, view.workerRevision);
}

function afterRemoval(view: View): PolicyResult {
  const restarts = restartsOf(view);
  const counted = { ...restarts, disruptions: restarts.disruptions + 1 };
  const next = leaveRevision(view, undefined);
  const open = openRound(view, {
    cause: 'PodLost',
    restarts: counted,
    workerRevision: view.workerRevision + 1,
  });
  const note = 'the worker Job was deleted by somebody; the next one takes its place';
  return {
    ...open,
    status: { ...next.status, restarts: shown(view.status.restarts, counted) },
    events: [{ type: 'Warning', reason: 'WorkersDeleted', note, action: 'Restart' }],
    // The next pass creates: it sees the new number.
    wakeAt: view.facts.now,
    final: true,
  };
}

function create(view: View, before: readonly Call[]): PolicyResult {
  const { facts, status } = view;
  const notBefore = status.restarts?.nextStartTime;
  const waiting: PolicyResult = {
    conditions: [notReady('workers are being started')],
    final: true,
  };
  if (notBefore !== undefined && Date.parse(notBefore) > facts.now) {
    const gang = status.restarts?.schedulingAttempts ?? 0;
    return {
      ...waiting,
      calls: before,
      stalled: {
        reason: gang > 0 ? 'GangTimeout' : 'BackOff',
        message: `the workers are started again at ${notBefore}`,
      },
      wakeAt: Date.parse(notBefore),
    };
  }
  // Two worker Jobs must never run at once: the next waits until the removal of the last one is
  // seen.
  if (outdatedWorkers(view).length > 0) return { ...waiting, calls: before };
  return {
    ...waiting,
    conditions: [...(waiting.conditions ?? []), ...enqueued(view.spec.scheduling.queueName)],
    status: { workerRevision: view.workerRevision },
    calls: [...groundwork(view), ...before, ...jobCalls(view), ...recordsOf(view)],
  };
}

function jobCalls(view: View): readonly Call[] {
  const { facts, built, spec, status } = view;
  const { workerRevision } = view;
  const { restarts } = status;
  const gang = gangOf(spec, facts.site);
  const flavour =
    gang === 'Native' || gang === 'Coscheduling' || gang === 'Volcano' ? gang : undefined;
  const manifest = workerJob({
    job: built,
    settings: facts.site.settings,
    workerRevision,
    replicas: spec.worker.replicas,
    gang: flavour,
    excludedNodes: restarts?.excludedNodes ?? [],
    grown: restarts?.grown ?? 0,
    trainedParameters: status.plan?.trainableParameters,
    planned: plannedMemory(status),
    leastDevice: status.plan?.memory?.leastDevice,
    preparedBy: preparedByOther(view),
  });
  const members = { workerRevision, members: fewestWorkers(spec.worker) };
  return [
    ...(flavour === undefined
      ? []
      : [
          {
            type: 'Create',
            kind: 'PodGroup',
            manifest: podGroup(built, flavour, members),
          } as const,
        ]),
    { type: 'Create', kind: 'Job', manifest },
  ];
}

/** Undefined where the job did it itself. */
export function preparedByOther({ status, facts }: View): string | undefined {
  const { preparedBy } = status.plan ?? {};
  return preparedBy === runName(facts.job) ? undefined : preparedBy;
}

/** As the init Job found out; not known of a job that an earlier version initialized. */
export function plannedMemory({ plan }: FineTuneJobStatus): PlannedMemory | undefined {
  const { least, most, publish } = plan?.memory ?? {};
  if (least === undefined || most === undefined || publish === undefined) return undefined;
  return {
    least: parseQuantity(least),
    most: parseQuantity(most),
    publish: parseQuantity(publish),
  };
}

/** What the bus must say before workers can rendezvous. */
function recordsOf(view: View): readonly Call[] {
  const { bus } = view;
  if (bus === undefined) return [];
  const save = saveCount(view);
  const desired = desiredOf(view, save === undefined ? {} : { save });
  const begun = {
    workerRevision: view.workerRevision,
    restarts: restartsOf(view),
    now: view.facts.now,
  };
  const init = { type: 'InitState', record: firstState(view.status, begun) } as const;
  return [
    ...(bus.state === undefined ? [init] : adopted(view, bus.state)),
    ...(desired === undefined ? [] : [desired]),
  ];
}

/** A record of an earlier revision: the workers of the new one form a new world. */
function adopted(view: View, { round, workerRevision }: StateRecord): readonly Call[] {
  if (view.state !== undefined || workerRevision > view.workerRevision) return [];
  const restarts = restartsOf(view);
  return [
    {
      type: 'OpenRound',
      from: round,
      cause: 'Start',
      workerRevision: view.workerRevision,
      restarts,
    },
  ];
}

/** Pods that wait for the plan, because somebody deleted it, get it again. */
export function replacePlan(view: View): PolicyResult {
  return { calls: healPlan(view) };
}

function notReady(message: string) {
  return { type: 'PodsReady', status: 'False', reason: 'Pending', message } as const;
}
