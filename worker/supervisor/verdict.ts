// What is done about a training process that ended badly: mend it in place, end the job, or leave
// the pod to the operator, who can do what no pod can (another node, more memory). Pure; the table
// of failures and the job's own rules decide.
import type { FailurePolicy } from '../../crds/api/policy.ts';
import { countRestart, leavesNode, overdrawn, tooOften } from '../../crds/plan/restart-account.ts';
import type { RendezvousCause } from '../../crds/wire/rendezvous-causes.ts';
import type { StateRecord } from '../../crds/wire/state.ts';
import { type Failure, failureWith } from './end-of-child.ts';

type Verdict =
  | {
      readonly type: 'Restart';
      readonly cause: RendezvousCause;
      readonly account: StateRecord['restarts'];
      readonly adjustments: readonly string[];
    }
  | { readonly type: 'Fail'; readonly failure: Failure }
  | { readonly type: 'Leave' };

export interface Case {
  readonly failure: Failure;
  readonly account: StateRecord['restarts'];
  readonly adjustments: readonly string[];
  readonly policy: FailurePolicy;
  /** The job recomputes all activations already. */
  readonly recomputesAll: boolean;
  readonly nowMs: number;
}

/** Steps of the memory ladder, which leave every number of the training as it is. */
export const recomputeAll = 'ActivationRecomputation=Full';

export function verdictOn(found: Case): Verdict {
  const { failure, account, adjustments, policy } = found;
  switch (actionOf(failure, policy)) {
    case 'Fail':
      return { type: 'Fail', failure };
    case 'Ignore':
      return { type: 'Restart', cause: 'Requested', account, adjustments };
    case 'RestartExcludingNode':
      return { type: 'Leave' };
    case 'Ladder':
      return ladder(found);
    case 'Restart':
      return restart(found);
  }
}

type Action = FailurePolicy['rules'][number]['action'] | 'Ladder';

function actionOf({ exitCode, reason, retry }: Failure, policy: FailurePolicy): Action {
  const rule = policy.rules.find(
    ({ onExitCodes, onReasons }) => onExitCodes?.includes(exitCode) || onReasons?.includes(reason),
  );
  if (rule !== undefined) return rule.action;
  if (retry === 'Permanent') return 'Fail';
  if (retry === 'Ignored') return 'Ignore';
  if (retry !== 'MemoryLadder') return 'Restart';
  return policy.deviceOutOfMemoryPolicy === 'Fail' ? 'Fail' : 'Ladder';
}

function restart({ failure, account, adjustments, policy, nowMs }: Case): Verdict {
  const after = countRestart(account, failure.reason, nowMs, policy);
  const { repeats } = after;
  if (leavesNode(failure.code, repeats)) return { type: 'Leave' };
  if (failure.code === 'E_HOST_OUT_OF_MEMORY') {
    const grows = policy.hostOutOfMemoryPolicy === 'Grow';
    if (grows && repeats >= tooOften.grow) return { type: 'Leave' };
    if (!grows && repeats >= tooOften.hostMemory) return { type: 'Fail', failure };
  }
  const end = overdrawn(after, policy, failure.message);
  // What it lacks is known, and no fault of the training.
  if (end?.code === 'E_NO_PROGRESS' && failure.code === 'E_STORAGE_FULL')
    return { type: 'Fail', failure };
  if (end !== undefined) {
    return { type: 'Fail', failure: { ...failure, ...failureWith(end.code, end.message) } };
  }
  return { type: 'Restart', cause: causeOf(failure), account: after, adjustments };
}

function causeOf({ code }: Failure): RendezvousCause {
  if (code === 'E_PEER_LOST') return 'MemberUnreachable';
  return code === 'E_HANG' ? 'Hang' : 'ProcessFailed';
}

/** The smaller plan is tried once; there is one rung today. */
function ladder({ failure, account, adjustments, recomputesAll }: Case): Verdict {
  if (recomputesAll || adjustments.includes(recomputeAll)) return { type: 'Fail', failure };
  const taken = [...adjustments, recomputeAll];
  return { type: 'Restart', cause: 'OutOfMemory', account, adjustments: taken };
}
