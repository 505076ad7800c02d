// Waits for a state that other tasks bring about. It polls, because what it waits for has no event
// of its own; it fails with the sentence given when the state does not come.
import { setTimeout as wait } from 'node:timers/promises';

export interface Patience {
  readonly withinMs?: number;
  readonly everyMs?: number;
  /** What to tell beside the sentence when the state did not come. */
  readonly inWords?: () => Promise<string>;
}

/**
 * What one look may cost of the patience: a process that had no turn for a while has waited no
 * longer than this.
 */
const longestTurnMs = 100;

export async function eventually(
  sentence: string,
  holds: () => boolean | Promise<boolean>,
  { withinMs = 120_000, everyMs = 2, inWords }: Patience = {},
): Promise<void> {
  let leftMs = withinMs;
  while (!(await holds())) {
    if (leftMs <= 0) {
      const state = inWords === undefined ? '' : `; ${await inWords()}`;
      throw new Error(`not within ${withinMs} ms: ${sentence}${state}`);
    }
    const began = performance.now();
    await wait(everyMs);
    leftMs -= Math.min(performance.now() - began, Math.max(everyMs, longestTurnMs));
  }
}
