/** The time of this machine: the one place where the command line asks for it. */
export function now(): Date {
  return new Date();
}

/** Milliseconds of a clock that nobody sets: for how long something takes. */
export function passedMs(): number {
  return performance.now();
}
