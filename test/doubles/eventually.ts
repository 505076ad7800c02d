// Waits for a state that other tasks bring about. It polls, because what it waits for has no event of its own; it fails with the
// sentence given when the state does not come.
import { setTimeout as wait } from 'node:timers/promises';

export interface Patience {
  readonly withinMs?: number;
  readonly everyMs?: number;
}

export async function eventually(
  sentence: string,
  holds: () => boolean | Promise<boolean>,
  { withinMs = 30_000, everyMs = 2 }: Patience = {},
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${sentence}`);
    await wait(everyMs);
  }
}
