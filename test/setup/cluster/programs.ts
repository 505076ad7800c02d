/**
 * The programs of a real cluster, built once from source and kept in the cache under the digest of
 * everything that they are built from. Only Linux on x64, as root: it is made of network
 * namespaces.
 */
import { createHash } from 'node:crypto';
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { ensureEntry } from '../../../cli/setup/entry.ts';
import type { Setup } from '../../../cli/setup/setup.ts';
import { TerminalError } from '../../../crds/failures/errors.ts';

const here = import.meta.dirname;

/** The result has 0.7 GB; Go keeps 6 GB of modules and objects beside it. */
export const buildBytes = 8e9;

/** Where they are once they are built. */
export async function programsFolder(setup: Setup): Promise<string> {
  return join(setup.cache.root, `cluster-${(await recipe()).slice(0, 12)}`);
}

/** Folder of `bin/`, `images/` and `layers/`. */
export async function ensurePrograms(setup: Setup): Promise<string> {
  return ensureEntry(setup, {
    folder: await programsFolder(setup),
    bytes: buildBytes,
    async make(staging) {
      await requireGo(setup);
      const text = 'building Kubernetes from source; some minutes on two cores, the first time';
      await setup.steps.step('cluster', text, () => build(setup, staging));
    },
  });
}

async function build(setup: Setup, staging: string): Promise<void> {
  const ran = await execa(join(here, 'build.sh'), {
    env: { CLUSTER_PROGRAMS: staging },
    all: true,
    reject: false,
    cancelSignal: setup.signal,
  });
  setup.signal.throwIfAborted();
  if (!ran.failed) return;
  throw new TerminalError({
    code: 'E_SETUP',
    message: `the programs of the cluster could not be built:\n${ran.all.split('\n').slice(-20).join('\n')}`,
    hint: 'set ANNEAL_TEST_KUBECONFIG to test against a cluster that you have',
  });
}

async function requireGo(setup: Setup): Promise<void> {
  const ran = await setup.machine.run('go', ['version']);
  if (ran.kind === 'ended' && ran.ok) return;
  throw new TerminalError({
    code: 'E_SETUP',
    message: 'there is no Go compiler, from which the test cluster is built',
    hint: 'install Go 1.26 or newer, or set ANNEAL_TEST_KUBECONFIG to a cluster that you have',
  });
}

/** Of what is built, not of how a cluster is started: a change there must not cost ten minutes. */
async function recipe(): Promise<string> {
  const files = ['build.sh', 'image.sh', 'go/go.mod', 'go/go.sum'];
  for await (const main of glob('go/*/*.go', { cwd: here })) files.push(main);
  const hash = createHash('sha256');
  for (const file of files.sort()) hash.update(file).update(await readFile(join(here, file)));
  return hash.digest('hex');
}
