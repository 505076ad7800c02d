/**
 * Kubeflow Trainer and JobSet, built once into the cache, for measurements beside them on the test
 * cluster.
 */
import type { Setup } from '../../../cli/setup/setup.ts';
import { ensureBuilt } from './ensure-built.ts';
import { runScript } from './run-script.ts';

/** Folder of image archives and manifests. */
export function ensureClusterPeers(setup: Setup): Promise<string> {
  return ensureBuilt(setup, {
    name: 'cluster-peers',
    modules: ['jobset', 'trainer'],
    script: 'build-peers.sh',
    // Two programs; Go keeps 3 GB of modules and objects beside them.
    bytes: 4e9,
    step: 'peers',
    text: 'building Kubeflow Trainer and JobSet; five minutes on two cores, the first time',
  });
}

export async function installClusterPeers(
  folder: string,
  programs: string,
  signal: AbortSignal,
): Promise<void> {
  await runScript('install-peers.sh', [folder], signal, { CLUSTER_PROGRAMS: programs });
}
