// Retries what failed with a TransientError, with doubling waits and jitter, until there was no
// progress for the budget. Other errors pass at once. A longer Retry-After of the server takes
// precedence.

import type { Clock } from '../../crds/clock.ts';
import { TransientError } from '../../crds/failures/errors.ts';

export interface RetryPolicy {
  readonly firstMs: number;
  readonly longestMs: number;
  /** Time without progress after which the last error is thrown. */
  readonly budgetMs: number;
}

/** A user at a terminal should know within two minutes. */
export const brisk: RetryPolicy = { firstMs: 500, longestMs: 15_000, budgetMs: 2 * 60_000 };

export interface RetryTools {
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly rng: () => number;
  readonly onRetry?: (error: TransientError, waitMs: number) => void;
}

/** `attempt` calls `progressed` after progress, which resets waits and budget. */
export async function retry<T>(
  attempt: (progressed: () => void) => Promise<T>,
  tools: RetryTools,
  signal: AbortSignal,
): Promise<T> {
  const { policy, clock, rng } = tools;
  let failures = 0;
  let since = clock.monotonic();
  const progressed = () => {
    failures = 0;
    since = clock.monotonic();
  };
  for (;;) {
    signal.throwIfAborted();
    try {
      return await attempt(progressed);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      const backOffMs = Math.min(policy.longestMs, policy.firstMs * 2 ** failures);
      const waitMs = Math.round(Math.max(error.retryAfterMs ?? 0, backOffMs * (0.5 + rng() / 2)));
      if (clock.monotonic() - since + waitMs > policy.budgetMs) throw error;
      failures += 1;
      tools.onRetry?.(error, waitMs);
      await clock.sleep(waitMs, signal);
    }
  }
}
