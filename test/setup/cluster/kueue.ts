/** A real Kueue for tests of queues, built once into the cache. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureEntry } from '../../../cli/setup/entry.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { runScript } from './run-script.ts';

const here = import.meta.dirname;

/** Folder of the image archive and the manifests. */
export async function ensureKueue(setup: Setup): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['peers/kueue/go.mod', 'peers/kueue/go.sum', 'build-kueue.sh']) {
    hash.update(await readFile(join(here, name)));
  }
  return ensureEntry(setup, {
    folder: join(setup.cache.root, `kueue-${hash.digest('hex').slice(0, 12)}`),
    // One program; Go keeps 2 GB of modules and objects beside it.
    bytes: 3e9,
    async make(staging) {
      const text = 'building Kueue; three minutes on two cores, the first time';
      await setup.steps.step('kueue', text, () =>
        runScript('build-kueue.sh', [staging], setup.signal),
      );
    },
  });
}

/** The cluster's webhooks look at every Job while it is there. */
export async function installKueue(
  folder: string,
  programs: string,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const env = { CLUSTER_PROGRAMS: programs };
  const down = () =>
    runScript('install-kueue.sh', [folder, 'down'], new AbortController().signal, env);
  try {
    await runScript('install-kueue.sh', [folder, 'up'], signal, env);
  } catch (error) {
    await down();
    throw error;
  }
  return { [Symbol.asyncDispose]: down };
}
