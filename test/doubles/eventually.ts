// Waits for a state that other tasks bring about. It polls, because what it waits for has no event of its own; it fails with the
// sentence given when the state does not come.
import { setTimeout as wait } from 'node:timers/promises';

export async function eventually(
  sentence: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${sentence}`);
    await wait(2);
  }
}
