// The variables of the environment that the tensor layer reads or sets.

/** A built addon elsewhere than `worker/native/dist`. */
export function nativeOverride(): string | undefined {
  return process.env['ANNEAL_NATIVE'];
}

/**
 * Threads that have nothing to do turn in a loop some microseconds, and then sleep: for the libgomp that is loaded next. Of its own accord
 * it turns 300,000 times, which saves nothing that can be measured on a machine that is ours alone, and makes a step six times as long
 * where two programs share the processors (each waits for the threads that the other keeps from running).
 */
export function letIdleThreadsSleep(): void {
  process.env['GOMP_SPINCOUNT'] ??= '500';
}
