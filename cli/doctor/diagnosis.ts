// `anneal doctor`: checks what a job on this machine needs, each with its fix. Read-only.

import type { Machine } from '../setup/machine.ts';
import { checkAddon, checkLibtorch, checkPip, checkToolchain } from './build-checks.ts';
import type { Check } from './check.ts';
import { deviceChecks } from './device-checks.ts';
import {
  checkCache,
  checkMemory,
  checkNode,
  checkProcessor,
  type MachineFacts,
} from './machine-checks.ts';

export interface DoctorFacts extends MachineFacts {
  readonly machine: Machine;
  readonly cache: string;
  readonly checkout: string;
}

export interface Diagnosis {
  readonly checks: readonly Check[];
  readonly healthy: boolean;
}

export async function doctor(facts: DoctorFacts): Promise<Diagnosis> {
  const { machine, cache, checkout } = facts;
  const addon = await checkAddon(checkout);
  const libtorch = await checkLibtorch(machine, cache);
  const building = addon.state === 'Failed' || libtorch.state === 'Failed';
  const checks = [
    checkNode(facts),
    checkProcessor(facts),
    checkMemory(facts),
    await checkCache(cache, (folder) => machine.freeBytes(folder)),
    libtorch,
    addon,
    await checkToolchain(machine, building),
    await checkPip(machine, building),
    ...(await deviceChecks(machine, checkout)),
  ];
  return { checks, healthy: checks.every(({ state }) => state !== 'Failed') };
}
