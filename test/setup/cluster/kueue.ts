/** A real Kueue for tests of queues, built once into the cache. */
import type { Setup } from '../../../cli/setup/setup.ts';
import { ensureBuilt } from './ensure-built.ts';
import { runScript } from './run-script.ts';

/** Folder of the image archive and the manifests. */
export function ensureKueue(setup: Setup): Promise<string> {
  return ensureBuilt(setup, {
    name: 'kueue',
    modules: ['kueue'],
    script: 'build-kueue.sh',
    // One program; Go keeps 2 GB of modules and objects beside it.
    bytes: 3e9,
    step: 'kueue',
    text: 'building Kueue; three minutes on two cores, the first time',
  });
}

/** Its webhooks look at the Jobs of namespaces with the label `queued`. */
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
