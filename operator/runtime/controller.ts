// Takes keys from a queue and reconciles them: so many at once, each within a deadline. Whatever a
// reconcile throws is caught, counted, and tried again later; nothing that it does can end the
// loop.

import type { Clock } from '../../crds/clock.ts';
import { AnnealError } from '../../crds/failures/errors.ts';
import { ApiError, isPassing } from './api-error.ts';
import type { WorkQueue } from './work-queue.ts';

export interface Reconciled {
  /** Milliseconds after which the key is reconciled again, if nothing happens before. */
  readonly requeueAfterMs?: number | undefined;
  /**
   * What kept it from being done, where somebody else has to change it: told like an error, and
   * tried again at that time.
   */
  readonly error?: unknown;
}

export interface ControllerFacts {
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly workers: number;
  /** Longest time of one reconcile. */
  readonly deadlineMs: number;
  reconcile(key: string, signal: AbortSignal): Promise<Reconciled>;
  /** For metrics and logs. */
  readonly seen: (outcome: ReconcileOutcome) => void;
}

export interface ReconcileOutcome {
  readonly key: string;
  readonly result: 'success' | 'requeue_after' | 'error';
  readonly waitedMs: number;
  readonly workedMs: number;
  readonly error?: unknown;
  /** The server is away or busy: worth a line, not an alarm. */
  readonly passing?: boolean;
}

/** Resolves when the signal is aborted and every reconcile under way has settled. */
export async function runController(facts: ControllerFacts, signal: AbortSignal): Promise<void> {
  await Promise.all(Array.from({ length: facts.workers }, () => work(facts, signal)));
}

async function work(facts: ControllerFacts, signal: AbortSignal): Promise<void> {
  const { queue, clock, seen } = facts;
  while (!signal.aborted) {
    const taken = await queue.take(signal).catch(() => undefined); // aborted: the loop ends
    if (taken === undefined) return;
    const { key, waitedMs } = taken;
    const began = clock.monotonic();
    try {
      const { requeueAfterMs, error } = await withDeadline(facts, key, signal);
      queue.succeeded(key);
      if (requeueAfterMs !== undefined) queue.addAfter(key, requeueAfterMs);
      const workedMs = clock.monotonic() - began;
      if (error !== undefined) seen({ key, result: 'error', waitedMs, workedMs, error });
      else {
        const result = requeueAfterMs === undefined ? 'success' : 'requeue_after';
        seen({ key, result, waitedMs, workedMs });
      }
    } catch (error) {
      if (signal.aborted) return;
      const passing = isPassing(error);
      queue.retry(key, retryAfterOf(error));
      seen({ key, result: 'error', waitedMs, workedMs: clock.monotonic() - began, error, passing });
    } finally {
      queue.done(key);
    }
  }
}

async function withDeadline(
  { deadlineMs, reconcile }: ControllerFacts,
  key: string,
  signal: AbortSignal,
): Promise<Reconciled> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new LateError(key, deadlineMs)), deadlineMs);
  try {
    return await reconcile(key, AbortSignal.any([signal, late.signal]));
  } finally {
    clearTimeout(timer);
  }
}

class LateError extends AnnealError {
  constructor(key: string, deadlineMs: number) {
    super({ code: 'E_TIMEOUT', message: `${key} was not reconciled within ${deadlineMs} ms` });
  }
}

function retryAfterOf(error: unknown): number {
  return error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
}
