// Ctrl-C during a run: the first saves and stops, the second ends at once. Under npm a Ctrl-C
// arrives twice, from the terminal and from npm, so two within a moment count as one.

/** Both arrive within a millisecond or two; a person is slower. */
const sameMs = 250;

interface StopSignals {
  /** Save and stop. */
  readonly stop: AbortSignal;
  /** End at once. */
  readonly kill: AbortSignal;
  /** Records a signal; true for the first one. */
  press(at: Date): boolean;
}

export function stopSignals(): StopSignals {
  const stop = new AbortController();
  const kill = new AbortController();
  let firstAt = 0;
  return {
    stop: stop.signal,
    kill: kill.signal,
    press(at) {
      const isFirst = !stop.signal.aborted;
      if (isFirst) {
        firstAt = at.getTime();
        stop.abort();
      } else if (at.getTime() - firstAt >= sameMs) kill.abort();
      return isFirst;
    },
  };
}
