// One incident: what it costs, whether the job may go on, and on which rung. Counted ones draw on the budget of restarts; a new template, or
// a Job that gave up, means a new epoch; the second in a row replaces all pods; anything else only forms a new world.
import { timeText } from '../runtime/conditions.ts';
import type { Call, Opinion } from './decision.ts';
import type { EndMeaning } from './end-meaning.ts';
import { failureOfPod } from './end-meaning.ts';
import { leaveEpoch } from './epochs.ts';
import type { ChildJob, PodFacts } from './facts.ts';
import { drawOf } from './gang.ts';
import { openGeneration, type Restarts, restartsOf } from './restarts.ts';
import { type FailureFacts, fail } from './settle.ts';
import { currentWorkers, epochOf, later, livePods, presentBus, type View } from './view.ts';

export interface Incident {
  /** The pod where it began; absent where a Job gave up and its pods are gone. */
  readonly pod: PodFacts | undefined;
  readonly meaning: EndMeaning;
  /** The worker Job will not replace pods any more. */
  readonly jobGaveUp: boolean;
}

const tooOften = {
  hostMemory: 3,
  ephemeralStorage: 2,
  deviceFault: 2,
  withoutProgress: 3,
} as const;
/** Two incidents within this time without a checkpoint between them: the pods themselves may be at fault. */
const closeMs = 600_000;
const longestBackoffSeconds = 300;
const longestWindow = 128;

export function incident(view: View, found: Incident): Opinion {
  const action = actionOf(view, found);
  const failure = failureOf(found);
  if (action === 'Ignore') return ignored(view, found);
  if (action === 'Fail') return fail(view, failure);
  const restarts = counted(view, found.meaning);
  const end = endOf(view, found, restarts);
  if (end !== undefined) return fail(view, { ...failure, ...end });
  return ladder(view, found, restarts, action === 'RestartExcludingNode');
}

/** The first rule of the job that matches, else what the class of the failure says. */
function actionOf({ spec }: View, { pod, meaning }: Incident) {
  const { rules, deviceOutOfMemoryPolicy } = spec.failurePolicy;
  const exitCode = pod?.end?.exitCode;
  const rule = rules.find(
    ({ onExitCodes, onReasons }) =>
      (exitCode !== undefined && onExitCodes?.includes(exitCode)) ||
      onReasons?.includes(meaning.reason),
  );
  if (rule !== undefined) return rule.action;
  if (meaning.retry === 'Permanent') return 'Fail';
  if (meaning.retry === 'Ignored') return 'Ignore';
  // The supervisor climbs the memory ladder in place; it gives the code on when there is no rung left.
  return meaning.retry === 'MemoryLadder' && deviceOutOfMemoryPolicy === 'Fail'
    ? 'Fail'
    : 'Restart';
}

function ignored(view: View, { jobGaveUp }: Incident): Opinion {
  if (!jobGaveUp) return {};
  const next = leaveEpoch(view, currentWorkers(view));
  return { ...next, wakeAt: view.facts.now, final: true };
}

function counted(view: View, { reason }: EndMeaning): Restarts {
  const { failurePolicy } = view.spec;
  const before = restartsOf(view);
  const seconds = failurePolicy.restartWindowSeconds;
  const from = seconds === 0 ? 0 : view.facts.now - seconds * 1000;
  const window = [...before.window, timeText(view.facts.now)].filter(
    (at) => Date.parse(at) >= from,
  );
  return {
    ...before,
    counted: before.counted + 1,
    window: window.slice(-longestWindow),
    sinceCommit: before.sinceCommit + 1,
    lastCause: reason,
    repeats: before.lastCause === reason ? before.repeats + 1 : 1,
  };
}

/** Why the job may not go on; undefined where it may. */
function endOf(
  view: View,
  { meaning }: Incident,
  restarts: Restarts,
): Pick<FailureFacts, 'code' | 'message'> | undefined {
  const { hostOutOfMemoryPolicy, maxRestarts, restartWindowSeconds } = view.spec.failurePolicy;
  const { repeats, sinceCommit, window } = restarts;
  const { code, message } = meaning;
  const grows = hostOutOfMemoryPolicy === 'Grow';
  if (code === 'E_HOST_OUT_OF_MEMORY' && !grows && repeats >= tooOften.hostMemory)
    return { code, message };
  if (code === 'E_EPHEMERAL_STORAGE' && repeats >= tooOften.ephemeralStorage)
    return { code, message };
  const spent = restartWindowSeconds === 0 ? restarts.counted : window.length;
  if (spent > maxRestarts) {
    const span = restartWindowSeconds === 0 ? 'its life' : `${restartWindowSeconds} s`;
    return {
      code: 'E_BUDGET_EXHAUSTED',
      message: `${spent} restarts within ${span} are more than maxRestarts, which is ${maxRestarts}; the last cause: ${message}`,
    };
  }
  // Without a bus nobody tells about checkpoints, so nobody can tell that there were none.
  if (presentBus(view.facts) !== undefined && sinceCommit >= tooOften.withoutProgress) {
    return {
      code: 'E_NO_PROGRESS',
      message: `${sinceCommit} restarts in a row led to no new checkpoint; the last cause: ${message}`,
    };
  }
  return undefined;
}

function ladder(view: View, found: Incident, restarts: Restarts, elsewhere: boolean): Opinion {
  const { pod, meaning, jobGaveUp } = found;
  const { repeats } = restarts;
  const faulty = meaning.code === 'E_DEVICE_FAULT' && repeats >= tooOften.deviceFault;
  const exclude = (elsewhere || faulty) && pod?.node !== undefined ? [pod.node] : [];
  const grows =
    meaning.code === 'E_HOST_OUT_OF_MEMORY' &&
    view.spec.failurePolicy.hostOutOfMemoryPolicy === 'Grow' &&
    repeats >= 2;
  if (exclude.length > 0 || grows || jobGaveUp) {
    return newEpoch(view, found, restarts, { exclude, grows });
  }
  const again = openGeneration(view, 'PodFailed', restarts, epochOf(view));
  const replace =
    presentBus(view.facts) !== undefined && restarts.sinceCommit === 2 && areClose(restarts);
  return {
    ...again,
    calls: [...(again.calls ?? []), ...(replace ? removePods(view) : [])],
    events: [eventOf(meaning, replace ? 'all workers are replaced' : 'a new world is formed')],
  };
}

function newEpoch(
  view: View,
  { meaning }: Incident,
  restarts: Restarts,
  change: { readonly exclude: readonly string[]; readonly grows: boolean },
): Opinion {
  const next = leaveEpoch(view, currentWorkers(view));
  const open = openGeneration(view, 'PodFailed', restarts, epochOf(view) + 1);
  const before = view.status.restarts;
  const seconds = Math.min(2 ** (restarts.sinceCommit - 1), longestBackoffSeconds);
  const chance = drawOf(view.facts.job.uid, epochOf(view));
  const start = later(seconds * (1 + 0.1 * chance), view.facts.now);
  return {
    status: {
      ...next.status,
      restarts: {
        ...open.status?.restarts,
        excludedNodes: [...new Set([...(before?.excludedNodes ?? []), ...change.exclude])].slice(
          -64,
        ),
        grown: (before?.grown ?? 0) + (change.grows ? 1 : 0),
        nextStartTime: timeText(start + 999),
      },
    },
    calls: [...(open.calls ?? []), ...next.calls],
    events: [eventOf(meaning, 'the workers are started anew')],
    wakeAt: view.facts.now,
    final: true,
  };
}

function areClose({ window }: Restarts): boolean {
  const [last, before] = window.slice(-2).reverse().map(Date.parse);
  return last !== undefined && before !== undefined && last - before <= closeMs;
}

export function removePods(view: View): readonly Call[] {
  return livePods(view).map(({ name, uid }) => ({
    ...{ type: 'Delete', kind: 'Pod', name, uid },
    propagation: 'Background',
  }));
}

function failureOf({ pod, meaning }: Incident): FailureFacts {
  if (pod?.end !== undefined) return failureOfPod(pod, pod.end);
  return { code: meaning.code, message: meaning.message };
}

function eventOf({ reason, message }: EndMeaning, then: string) {
  return { type: 'Warning', reason, note: `${message}; ${then}`, action: 'Restart' } as const;
}

export function gaveUp({ name, outcome }: ChildJob): EndMeaning {
  return {
    code: 'E_INTERNAL',
    reason: outcome?.reason || 'BackoffLimitExceeded',
    retry: 'Counted',
    message: `Job ${name} gave up: ${outcome?.message || outcome?.reason}`,
  };
}
