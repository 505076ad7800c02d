/**
 * Why this machine cannot run the test cluster, asked before anything is built or started. What is
 * found missing here leaves the tests out, with the reason; what fails later is a failure.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Setup } from '../../../cli/setup/setup.ts';
import { clusterVariables } from './cluster.ts';
import { buildBytes, programsFolder } from './programs.ts';

const here = import.meta.dirname;

/** A module of a few kilobytes that the cluster is built from anyway. */
const smallModule = 'github.com/google/uuid';
const leastGo = 26;

/** Undefined where it can. */
export async function whyNoCluster(setup: Setup): Promise<string | undefined> {
  const { machine } = setup;
  if (machine.env[clusterVariables.kubeconfig]) return undefined;
  if (machine.platform !== 'linux' || machine.arch !== 'x64') {
    return `the test cluster is built for linux on x64; this is ${machine.platform} on ${machine.arch}`;
  }
  const ran = await machine.run('bash', [join(here, 'probe.sh')]);
  if (ran.kind === 'missing') return 'there is no bash';
  if (!ran.ok) return ran.stdout.trim() || `probe.sh did not end well: ${ran.stderr.trim()}`;
  const folder = await programsFolder(setup);
  return existsSync(folder) ? undefined : whyNoBuild(setup);
}

/** Ten minutes of building should not begin where they cannot end. */
async function whyNoBuild({ machine, cache, signal }: Setup): Promise<string | undefined> {
  const version = await machine.run('go', ['version']);
  const found = version.kind === 'ended' ? /go1\.(\d+)/.exec(version.stdout)?.[1] : undefined;
  if (found === undefined) return 'there is no Go compiler, from which the test cluster is built';
  if (Number(found) < leastGo) {
    return `the test cluster is built by Go 1.${leastGo} or newer; this is Go 1.${found}`;
  }
  const free = await machine.freeBytes(cache.root);
  if (free < buildBytes) {
    const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
    return `building the test cluster takes ${gigabytes(buildBytes)} GB of disk; ${gigabytes(free)} GB are free`;
  }
  const cwd = join(here, 'go');
  const fetched = await machine.run('go', ['mod', 'download', smallModule], { cwd, signal });
  if (fetched.kind === 'ended' && fetched.ok) return undefined;
  return 'Go modules cannot be fetched, from which the test cluster is built';
}
