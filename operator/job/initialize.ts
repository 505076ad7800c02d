// Model and data are put in place by an init Job before a device is taken: on the volume that the
// pods share. An only worker may do it in a container before its own (objects/preparation.ts).
// Where pods share no volume, each does it for itself, and there is nothing to do here.
import type { FailureCode, FailureReason } from '../../crds/failures/table.ts';
import { fewestWorkers, trainersOfPod } from '../../crds/plan/world.ts';
import { runName } from '../../crds/wire/pod.ts';
import { devicesInWord } from '../objects/devices.ts';
import { initJob } from '../objects/io-job.ts';
import { preparesInWorker } from '../objects/preparation.ts';
import { referencesOf } from '../objects/references.ts';
import { auxiliaryQueue } from '../objects/scheduling.ts';
import { none, type PolicyResult, together } from './decision.ts';
import { removeJob } from './finalise.ts';
import { progressOf } from './io-progress.ts';
import { isStalling, podProblemsOf, worstOf } from './pod-problems.ts';
import { finished, initialized } from './prepared.ts';
import { auxiliaryAdmitted, auxiliaryHeld, enqueued } from './queue.ts';
import { fail } from './settle.ts';
import { usable } from './siblings.ts';
import { groundwork, healPlan, surroundings } from './surroundings.ts';
import { has, type View } from './view.ts';
import { leaveRevision } from './worker-revisions.ts';
import { preparedByOther } from './workers.ts';

export function initialize(view: View): PolicyResult {
  if (referencesOf(view.built).shared === undefined) {
    return initialized('NotShared', 'each worker puts model and data in place for itself');
  }
  const done = view.status.plan?.prepareSha256 === view.prepareDigest && isPlanned(view);
  if (has(view, 'Initialized') && done) return isOfNoUse(view) ? anew(view) : none;
  const { inits } = view.facts;
  const mine = inits.findLast(
    ({ prepareDigest, isDeleting }) => prepareDigest === view.prepareDigest && !isDeleting,
  );
  if (mine === undefined) {
    const byWorker = preparesInWorker(view.built, view.facts.site.settings);
    return byWorker ? inWorker(view) : (fromSibling(view) ?? create(view));
  }
  const held = mine.outcome === undefined ? auxiliaryHeld(view, mine) : undefined;
  if (held !== undefined) return together(waiting('Pending', held.message), held);
  const admitted = auxiliaryAdmitted(view);
  const progress = progressOf(view, mine, 'init');
  switch (progress.type) {
    case 'Done':
      return together(admitted, finished(view, progress.terminationMessage?.prepared));
    case 'Failed':
      return fail(view, progress.failure);
    case 'Working': {
      const { problem, wakeAt } = progress;
      const message = problem?.message ?? 'model and data are being put in place';
      return together(admitted, {
        ...waiting(problem?.reason ?? 'Preparing', message),
        calls: healPlan(view),
        ...(problem !== undefined && isStalling(problem) ? { stalled: stalledBy(problem) } : {}),
        wakeAt,
      });
    }
    default:
      return progress satisfies never;
  }
}

/**
 * While it is suspended a job may be given other devices, or none, or another number of workers:
 * its pods then need another memory. What was prepared is found again, and told again for the plan.
 */
function isPlanned({ status, spec, workers, facts }: View): boolean {
  const { memory } = status.plan ?? {};
  if (memory === undefined || workers !== undefined) return true;
  const { devices, workers: planned = fewestWorkers(spec.worker), trainers = 1 } = memory;
  return (
    planned === fewestWorkers(spec.worker) &&
    trainers === trainersOfPod(spec.worker.devicesPerWorker) &&
    devices === devicesInWord(spec.worker, facts.site.settings)
  );
}

/**
 * The worker's pod puts them in place before it trains; what comes after this policy makes that pod
 * and looks after it.
 */
function inWorker(view: View): PolicyResult {
  const { workers } = view;
  const isOfPlan = workers?.planDigest === view.plan.digest;
  const { workerPods: pods } = view;
  const done = pods.findLast(({ preparation }) => preparation?.type === 'Done');
  if (isOfPlan && done !== undefined) return finished(view, done.preparation?.prepared);
  const { facts } = view;
  const outdated = facts.inits.filter(({ isDeleting }) => !isDeleting);
  const found = workers === undefined ? [] : podProblemsOf(view, workers, pods).found;
  const problem = worstOf(found.filter(({ ordinary }) => ordinary !== true));
  const {
    reason = 'InWorker',
    message = 'the worker puts model and data in place before it trains',
  } = problem ?? {};
  return {
    conditions: [{ type: 'Initialized', status: 'False', reason, message }],
    calls: outdated.map(({ name, uid }) => removeJob(name, uid)),
  };
}

/** What another job has put in place, or is about to; undefined where the job has to do it. */
function fromSibling(view: View): PolicyResult | undefined {
  const { facts, status, spec } = view;
  // Its pod looks after what one run folder has.
  if (spec.packing !== undefined) return undefined;
  if (status.plan?.preparedBy === runName(facts.job)) return undefined;
  const found = usable(facts.siblings, facts.job);
  if (found?.done !== undefined) return finished(view, found.done.prepared, found);
  const working = facts.siblings.find(({ done }) => done === undefined);
  if (working === undefined) return undefined;
  const message = `job "${working.name}" puts the same model and data in place; this one waits for it`;
  // The end of its pod wakes this job (siblings.ts); this is for what is seen in another order.
  return { ...waiting('WaitsForSibling', message), wakeAt: facts.now + siblingMs };
}

const siblingMs = 5_000;

/** A worker looked for what another job had put in place, and it was gone or damaged. */
function isOfNoUse(view: View): boolean {
  if (preparedByOther(view) === undefined) return false;
  return view.workerPods.some(({ end }) => end?.terminationMessage?.failure?.code === notPrepared);
}

const notPrepared: FailureCode = 'E_NOT_PREPARED';

function anew(view: View): PolicyResult {
  const { status, facts } = view;
  const left = leaveRevision(view, view.workers);
  const plan = { ...status.plan, prepareSha256: undefined, preparedBy: runName(facts.job) };
  const message = `what ${status.plan?.preparedBy} had put in place is not there any more; it is done again`;
  return {
    ...left,
    ...waiting('Preparing', message),
    status: { ...left.status, plan },
    // The next pass creates: it sees the new number.
    wakeAt: facts.now,
  };
}

function create(view: View): PolicyResult {
  const { facts, built, prepareDigest } = view;
  const attempt = (facts.inits.at(-1)?.number ?? 0) + 1;
  const manifest = initJob({ job: built, settings: facts.site.settings, attempt }, prepareDigest);
  const outdated = facts.inits.filter(({ isDeleting }) => !isDeleting);
  const { conditions = [], ...rest } = waiting(
    'Preparing',
    'model and data are being put in place',
  );
  return {
    ...rest,
    conditions: [...conditions, ...enqueued(auxiliaryQueue(view.spec))],
    calls: [
      ...outdated.map(({ name, uid }) => removeJob(name, uid)),
      ...groundwork(view),
      // The policies are there before the pod that they hold.
      ...surroundings(view),
      { type: 'Create', kind: 'Job', manifest },
    ],
  };
}

function waiting(reason: string, message: string): PolicyResult {
  return { conditions: [{ type: 'Initialized', status: 'False', reason, message }], final: true };
}

export function stalledBy({ reason, message }: { reason: string; message: string }) {
  const notFound: FailureReason = 'ReferenceNotFound';
  return { reason: reason === 'ContainerConfigError' ? notFound : reason, message };
}
