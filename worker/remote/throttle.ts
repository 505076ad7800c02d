import type { Clock } from '../../crds/clock.ts';

const reportEveryMs = 250;

/** True a few times a second at most, for progress that comes with every chunk. */
export function throttle(clock: Clock): () => boolean {
  let last = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock.monotonic();
    if (now - last < reportEveryMs) return false;
    last = now;
    return true;
  };
}
