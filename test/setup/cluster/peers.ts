/** Kubeflow Trainer and JobSet, built once into the cache, for measurements beside them on the test cluster. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { ensureEntry } from '../../../cli/setup/entry.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { TerminalError } from '../../../crds/errors.ts';

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
      await setup.steps.step('peers', text, () => run('build-peers.sh', [staging], setup.signal));
    },
  });
}

export async function installClusterPeers(
  folder: string,
  programs: string,
  signal: AbortSignal,
): Promise<void> {
  await run('install-peers.sh', [folder], signal, { CLUSTER_PROGRAMS: programs });
}

async function run(
  script: string,
  args: readonly string[],
  signal: AbortSignal,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const ran = await execa(join(here, script), args, {
    ...{ env, all: true, reject: false, cancelSignal: signal },
  });
  signal.throwIfAborted();
  if (!ran.failed) return;
  throw new TerminalError({
    code: 'E_SETUP',
    message: `${script} ended with ${ran.exitCode}:\n${ran.all.split('\n').slice(-10).join('\n')}`,
    hint: 'run it by hand for the whole output',
  });
}
