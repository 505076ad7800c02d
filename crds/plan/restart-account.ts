// The account of restarts in the record of a job: what one more costs, and when it was one too
// many. Supervisors count what they mend in place, the operator what only it can mend; both by
// these rules.
import { type FailurePolicy, windowEntries } from '../api/policy.ts';
import type { FailureCode } from '../failures/table.ts';
import type { StateRecord } from '../wire/state.ts';

type Restarts = StateRecord['restarts'];

const longestPauseSeconds = 300;
/** Restarts without a new checkpoint between them: the next would not help either. */
const withoutProgress = 3;

/** How often in a row a cause may occur, this time included, before more than a restart is done. */
export const tooOften = { deviceFault: 2, grow: 2, hostMemory: 3, ephemeralStorage: 2 } as const;

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

/** Why this account is overdrawn; undefined where the job may go on. */
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

/** Pause before the restart that is the last in the account: 1, 2, 4 … 300 s. */
export function restartPauseSeconds({ sinceCommit }: Restarts): number {
  return sinceCommit === 0 ? 0 : Math.min(2 ** (sinceCommit - 1), longestPauseSeconds);
}
