/** The context of every setup step: the machine, the cache, the output lines. */
import { type Cache, openCache } from './cache.ts';
import { type Machine, thisMachine } from './machine.ts';
import { createSteps, type Steps } from './steps.ts';

export interface Setup {
  readonly machine: Machine;
  readonly cache: Cache;
  readonly steps: Steps;
  readonly signal: AbortSignal;
}

export function thisSetup(signal: AbortSignal): Setup {
  const machine = thisMachine();
  return {
    machine,
    cache: openCache(machine.env, machine.home),
    steps: createSteps(process.stderr, () => performance.now()),
    signal,
  };
}
