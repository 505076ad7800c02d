/** The only place where the command line reads the clock. */
export function now(): Date {
  return new Date();
}

/** A monotonic clock in milliseconds, for durations. */
export function passedMs(): number {
  return performance.now();
}
