/** Kubeflow Trainer and JobSet, built once into the cache, for measurements beside them on the test cluster. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../../cli/setup/entry.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { runScript } from './run-script.ts';

const here = import.meta.dirname;

/** Folder of image archives and manifests. */
export async function ensureClusterPeers(setup: Setup): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['jobset/go.mod', 'jobset/go.sum', 'trainer/go.mod', 'trainer/go.sum']) {
    hash.update(await readFile(join(here, 'peers', name)));
  }
  hash.update(await readFile(join(here, 'build-peers.sh')));
  return ensureEntry(setup, {
    folder: join(setup.cache.root, `cluster-peers-${hash.digest('hex').slice(0, 12)}`),
    // Two programs; Go keeps 3 GB of modules and objects beside them.
    bytes: 4e9,
    async make(staging) {
      const text =
        'building Kubeflow Trainer and JobSet; five minutes on two cores, the first time';
      await setup.steps.step('peers', text, () =>
        runScript('build-peers.sh', [staging], setup.signal),
      );
    },
  });
}

export async function installClusterPeers(
  folder: string,
  programs: string,
  signal: AbortSignal,
): Promise<void> {
  await runScript('install-peers.sh', [folder], signal, { CLUSTER_PROGRAMS: programs });
}
