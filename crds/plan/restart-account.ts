// The account of restarts in the status of a job: the cost of another restart, and when there were
// too many. Supervisors count the failures that they recover in place, the operator those that only
// it can recover; both use these rules.
import { type FailurePolicy, windowEntries } from '../api/policy.ts';
import type { FailureCode } from '../failures/table.ts';
import type { StateRecord } from '../wire/state.ts';

type Restarts = StateRecord['restarts'];

const longestPauseSeconds = 300;
/** Restarts without a new checkpoint in between: another one would not help. */
const withoutProgress = 3;

/**
 * How often in a row the same cause may occur, the current one included, before the reaction is no
 * longer a restart.
 */
export const tooOften = { grow: 2, hostMemory: 3, ephemeralStorage: 2 } as const;

/** After how many faults in a row a node is left. Hardware that is broken does not mend itself. */
const faultsOfNode: Readonly<Partial<Record<FailureCode, number>>> = {
  E_DEVICE_FAULT: 2,
  E_DEVICE_MEMORY_FAULT: 1,
  E_DEVICE_LOST: 1,
};

/** Whether this failure is the fault of its node, which the next workers avoid. */
export function leavesNode(code: FailureCode, repeats: number): boolean {
  return repeats >= (faultsOfNode[code] ?? Number.POSITIVE_INFINITY);
}

/** The account after a counted restart. */
export function countRestart(
  before: Restarts,
  reason: string,
  nowMs: number,
  { restartWindowSeconds }: Pick<FailurePolicy, 'restartWindowSeconds'>,
): Restarts {
  const from = restartWindowSeconds === 0 ? 0 : nowMs - restartWindowSeconds * 1000;
  const window = [...before.window, new Date(nowMs).toISOString()].filter(
    (at) => Date.parse(at) >= from,
  );
  return {
    ...before,
    counted: before.counted + 1,
    window: window.slice(-windowEntries),
    sinceCommit: before.sinceCommit + 1,
    lastCause: reason,
    repeats: before.lastCause === reason ? before.repeats + 1 : 1,
  };
}

/** Why this account is exhausted; undefined if the job may continue. */
export function overdrawn(
  account: Restarts,
  { maxRestarts, restartWindowSeconds }: FailurePolicy,
  lastMessage: string,
): { readonly code: FailureCode; readonly message: string } | undefined {
  const spent = restartWindowSeconds === 0 ? account.counted : account.window.length;
  if (spent > maxRestarts) {
    const span = restartWindowSeconds === 0 ? 'its life' : `${restartWindowSeconds} s`;
    const message = `${spent} restarts within ${span} are more than maxRestarts, which is ${maxRestarts}; the last cause: ${lastMessage}`;
    return { code: 'E_BUDGET_EXHAUSTED', message };
  }
  if (account.sinceCommit < withoutProgress) return undefined;
  const message = `${account.sinceCommit} restarts in a row led to no new checkpoint; the last cause: ${lastMessage}`;
  return { code: 'E_NO_PROGRESS', message };
}

/** Pause before the last restart of the account: 1, 2, 4 … 300 s. */
export function restartPauseSeconds({ sinceCommit }: Restarts): number {
  return sinceCommit === 0 ? 0 : Math.min(2 ** (sinceCommit - 1), longestPauseSeconds);
}
