// The environment variables that the tensor layer reads or sets.
import { type CpuLevel, levelVariable, libraryVariables, readLevel } from './cpu-level.ts';

/** Path of an addon other than that in `worker/native/dist`. */
export function nativeOverride(): string | undefined {
  return process.env['ANNEAL_NATIVE'];
}

/**
 * Lets idle threads of libgomp, which is loaded next, spin only briefly before they sleep. Its
 * default of 300,000 turns makes a step six times as long where two programs share the processors,
 * each waiting for threads that the other keeps from running. With 5,000 turns a step on an idle
 * machine takes as long as with 300,000 (0.79 and 0.77 s), with 500 it takes 0.92 s.
 */
export function letIdleThreadsSleep(): void {
  process.env['GOMP_SPINCOUNT'] ??= '5000';
}

/**
 * Products of cuBLAS give the same bits twice only with workspaces of a fixed size. Must be set
 * before libtorch is loaded.
 */
export function fixWorkspaces(): void {
  process.env['CUBLAS_WORKSPACE_CONFIG'] ??= ':4096:8';
}

/** Must run before libtorch is loaded: its libraries read their variables at first use. */
export function holdToLevel(): CpuLevel | undefined {
  const level = readLevel(process.env[levelVariable]);
  if (level !== undefined) Object.assign(process.env, libraryVariables[level]);
  return level;
}
