// What Ctrl-C means to a run: the first saves and stops, the second ends at once. npm passes a
// Ctrl-C on to what it started, which the terminal has told already, so two within a moment are
// one.

/** Both come within a millisecond or two; no person presses twice so fast. */
const sameMs = 250;

interface StopSignals {
  /** The run saves and stops. */
  readonly stop: AbortSignal;
  /** The run ends at once. */
  readonly kill: AbortSignal;
  /** A signal came; true when it was the first. */
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
