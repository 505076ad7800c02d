/** What set-up makes before a group of tests runs, so that it is told and timed by itself. */
import { join } from 'node:path';
import { ensureDemo } from '../../cli/setup/demo.ts';
import { ensureNative } from '../../cli/setup/native.ts';
import type { Setup } from '../../cli/setup/setup.ts';
import { givenCluster } from './cluster/cluster.ts';
import { ensureKueue } from './cluster/kueue.ts';
import { ensurePrograms } from './cluster/programs.ts';
import { ensureEmulator } from './emulator.ts';
import type { Need } from './groups.ts';
import { ensureImages } from './images.ts';
import { ensureLlama } from './llama.ts';
import { ensureLmEval } from './lm-eval.ts';
import { ensureNvcc } from './nvcc.ts';
import { ensurePeers } from './peers.ts';

const checkout = join(import.meta.dirname, '../..');

const make: Readonly<Record<Need, (setup: Setup) => Promise<unknown>>> = {
  native: (setup) => ensureNative(setup, checkout),
  demo: ensureDemo,
  peers: ensurePeers,
  llama: ensureLlama,
  'lm-eval': ensureLmEval,
  nvcc: (setup) => ensureNvcc(setup),
  emulator: (setup) => ensureEmulator(setup),
  images: ours(async (setup) => ensureImages(setup, await ensurePrograms(setup))),
  kueue: ours(ensureKueue),
};

/** Nothing of it is put on a cluster of somebody else. */
function ours(ensure: (setup: Setup) => Promise<unknown>) {
  return async (setup: Setup): Promise<void> => {
    if (givenCluster(setup) === undefined) await ensure(setup);
  };
}

export function isNeed(name: string): name is Need {
  return name in make;
}

export async function meetNeeds(setup: Setup, needs: readonly Need[]): Promise<void> {
  for (const need of needs) await make[need](setup);
}
