/**
 * The cluster of the tests: one that a person names with ANNEAL_TEST_KUBECONFIG, or one of our own
 * that is started for the run and gone after it. Test files find it through these variables.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Setup } from '../../../cli/setup/setup.ts';
import { TerminalError, UserError } from '../../../crds/failures/errors.ts';
import { keepAsItIs } from './foreign.ts';
import { ensurePrograms, programsFolder } from './programs.ts';

export const clusterVariables = {
  kubeconfig: 'ANNEAL_TEST_KUBECONFIG',
  /** Folder of the programs; absent for a cluster of somebody else. */
  programs: 'ANNEAL_TEST_PROGRAMS',
} as const;

export interface StartedCluster extends AsyncDisposable {
  /** Variables for the processes that test. */
  readonly env: Readonly<Record<string, string>>;
}

const here = import.meta.dirname;

export async function startCluster(setup: Setup): Promise<StartedCluster> {
  const given = givenCluster(setup);
  if (given !== undefined) return { env: {}, ...(await keepAsItIs(given)) };
  const programs = await ensurePrograms(setup);
  const kubeconfig = await setup.steps.step('cluster', 'starting two nodes', () =>
    start(programs, setup.signal),
  );
  return {
    env: {
      [clusterVariables.kubeconfig]: kubeconfig,
      [clusterVariables.programs]: programs,
    },
    [Symbol.asyncDispose]: () => stopCluster(programs),
  };
}

/** Kubeconfig of a cluster that a person named. Throws a UserError where it cannot be read. */
export function givenCluster({ machine }: Setup): string | undefined {
  const path = machine.env[clusterVariables.kubeconfig] || undefined;
  if (path === undefined) return undefined;
  try {
    accessSync(path, constants.R_OK);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return path;
}

function unreadable(path: string, cause: unknown): UserError {
  const message = `${clusterVariables.kubeconfig} is ${path}; it must be a kubeconfig that can be read`;
  const hint = 'name another file, or unset it: then a cluster is started';
  return new UserError({ code: 'E_USAGE', message, hint, cause });
}

/** One that was interrupted, or did not come up, leaves nothing. */
async function start(programs: string, signal: AbortSignal): Promise<string> {
  try {
    return await runScript('up.sh', programs, signal);
  } catch (error) {
    await stopCluster(programs);
    throw error;
  }
}

/** Whatever runs is found by its control group: nothing has to be built for it, in no cache. */
export async function takeDown(setup: Setup, stop = stopCluster): Promise<void> {
  await stop(await programsFolder(setup));
}

export async function stopCluster(programs: string): Promise<void> {
  await runScript('down.sh', programs, new AbortController().signal);
}

async function runScript(name: string, programs: string, signal: AbortSignal): Promise<string> {
  const ran = await execa(join(here, name), {
    env: { CLUSTER_PROGRAMS: programs },
    reject: false,
    cancelSignal: signal,
    // Ctrl-C in a terminal reaches every process there; the one that takes the cluster down has to
    // end.
    detached: true,
  });
  signal.throwIfAborted();
  if (!ran.failed) return ran.stdout.trim();
  throw new TerminalError({
    code: 'E_SETUP',
    message: `${name} ended with ${ran.exitCode}: ${ran.stderr.trim()}`,
    hint: 'run the tests as root on Linux, or set ANNEAL_TEST_KUBECONFIG to a cluster that you have',
  });
}
