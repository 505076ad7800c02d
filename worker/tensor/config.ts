// The variables of the environment that the tensor layer reads or sets.
import { type CpuLevel, levelVariable, libraryVariables, readLevel } from './cpu-level.ts';

/** A built addon elsewhere than `worker/native/dist`. */
export function nativeOverride(): string | undefined {
  return process.env['ANNEAL_NATIVE'];
}

/**
 * Threads that have nothing to do turn in a loop for a moment, and then sleep: for the libgomp that
 * is loaded next. Of its own accord it turns 300,000 times. That makes a step six times as long
 * where two programs share the processors, each waiting for threads that the other keeps from
 * running. After 5,000 turns a step takes as long as after 300,000 where nobody else runs (0.79 and
 * 0.77 s), after 500 0.92.
 */
export function letIdleThreadsSleep(): void {
  process.env['GOMP_SPINCOUNT'] ??= '5000';
}

/** What libtorch brings reads its variables after this, when it is loaded and first used. */
export function holdToLevel(): CpuLevel | undefined {
  const level = readLevel(process.env[levelVariable]);
  if (level !== undefined) Object.assign(process.env, libraryVariables[level]);
  return level;
}
