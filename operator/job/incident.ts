// One failure that the workers could not handle themselves: what it costs, whether the job may go
// on, and on which rung of the ladder. Counted ones draw on the budget of restarts, as those that
// workers handle do. A new template, or a Job that gave up, needs a new revision; otherwise a new
// world is formed.
import {
  countRestart,
  leavesNode,
  overdrawn,
  restartPauseSeconds,
  tooOften,
} from '../../crds/plan/restart-account.ts';
import { timeText } from '../runtime/conditions.ts';
import { none, type PolicyResult } from './decision.ts';
import type { EndMeaning } from './end-meaning.ts';
import { failureOfPod } from './end-meaning.ts';
import type { ChildJob, PodFacts } from './facts.ts';
import { drawOf } from './gang.ts';
import { openRound, type Restarts, restartsOf, shown } from './restarts.ts';
import { type FailureFacts, fail } from './settle.ts';
import { later, type View } from './view.ts';
import { leaveRevision } from './worker-revisions.ts';

interface Incident {
  /** The pod where it began; absent where a Job gave up and its pods are gone. */
  readonly pod: PodFacts | undefined;
  readonly meaning: EndMeaning;
  /** The worker Job will not replace pods any more. */
  readonly jobGaveUp: boolean;
}

export function incident(view: View, found: Incident): PolicyResult {
  const action = actionOf(view, found);
  const failure = failureOf(found);
  if (action === 'Ignore') return ignored(view, found);
  if (action === 'Fail') return fail(view, failure);
  const restarts = countRestart(
    restartsOf(view),
    found.meaning.reason,
    view.facts.now,
    view.spec.failurePolicy,
  );
  const end = endOf(view, found, restarts);
  if (end !== undefined) return fail(view, { ...failure, ...end });
  return ladder(view, found, restarts, action === 'RestartExcludingNode');
}

/** The first rule of the job that matches, else what the class of the failure says. */
function actionOf({ spec }: View, { pod, meaning }: Incident) {
  const { rules } = spec.failurePolicy;
  const exitCode = pod?.end?.exitCode;
  const rule = rules.find(
    ({ onExitCodes, onReasons }) =>
      (exitCode !== undefined && onExitCodes?.includes(exitCode)) ||
      onReasons?.includes(meaning.reason),
  );
  if (rule !== undefined) return rule.action;
  if (meaning.retry === 'Permanent') return 'Fail';
  if (meaning.retry === 'Ignored') return 'Ignore';
  // The supervisor climbs the memory ladder in place: the code reaches us when no rung is left, or
  // without a bus, where the next pod would have the same plan.
  return meaning.retry === 'MemoryLadder' ? 'Fail' : 'Restart';
}

/** Not charged. A Job that gave up is followed by the next one; a lost member by another round. */
function ignored(view: View, { jobGaveUp }: Incident): PolicyResult {
  if (jobGaveUp) {
    const next = leaveRevision(view, view.workers);
    return { ...next, wakeAt: view.facts.now, final: true };
  }
  if (view.bus === undefined) return none;
  return openRound(view, { cause: 'Requested', restarts: restartsOf(view) });
}

/** Why the job may not go on; undefined where it may. */
function endOf(
  view: View,
  { meaning: { code, message } }: Incident,
  restarts: Restarts,
): Pick<FailureFacts, 'code' | 'message'> | undefined {
  const { failurePolicy } = view.spec;
  const grows = failurePolicy.hostOutOfMemoryPolicy === 'Grow';
  const { repeats } = restarts;
  if (code === 'E_HOST_OUT_OF_MEMORY' && !grows && repeats >= tooOften.hostMemory)
    return { code, message };
  if (code === 'E_EPHEMERAL_STORAGE' && repeats >= tooOften.ephemeralStorage)
    return { code, message };
  // Without a bus nobody tells about checkpoints, so nobody can tell that there were none.
  const hasBus = view.bus !== undefined;
  const account = hasBus ? restarts : { ...restarts, sinceCommit: 0 };
  return overdrawn(account, failurePolicy, message);
}

function ladder(view: View, found: Incident, restarts: Restarts, elsewhere: boolean): PolicyResult {
  const { pod, meaning, jobGaveUp } = found;
  const { repeats } = restarts;
  const faulty = leavesNode(meaning.code, repeats);
  const exclude = (elsewhere || faulty) && pod?.node !== undefined ? [pod.node] : [];
  const grows =
    meaning.code === 'E_HOST_OUT_OF_MEMORY' &&
    view.spec.failurePolicy.hostOutOfMemoryPolicy === 'Grow' &&
    repeats >= tooOften.grow;
  if (exclude.length > 0 || grows || jobGaveUp) {
    return newRevision(view, found, restarts, { exclude, grows });
  }
  const again = openRound(view, { cause: 'PodFailed', restarts });
  return { ...again, events: [eventOf(meaning, 'a new world is formed')] };
}

function newRevision(
  view: View,
  { meaning }: Incident,
  restarts: Restarts,
  change: { readonly exclude: readonly string[]; readonly grows: boolean },
): PolicyResult {
  const next = leaveRevision(view, view.workers);
  const open = openRound(view, {
    cause: 'PodFailed',
    restarts,
    workerRevision: view.workerRevision + 1,
  });
  const before = view.status.restarts;
  const seconds = restartPauseSeconds(restarts);
  const random = drawOf(view.facts.job.uid, view.workerRevision);
  const start = later(seconds * (1 + 0.1 * random), view.facts.now);
  return {
    status: {
      ...next.status,
      restarts: {
        ...shown(before, restarts),
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
