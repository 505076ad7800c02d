// The operator as a process of this machine, against the real cluster, in charge of one namespace.

import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { freePort } from '../../cli/client/free-port.ts';
import { eventually } from '../doubles/eventually.ts';
import { kubeconfig } from './access.ts';
import { toyImage } from './toy-image.ts';

export interface RunningOperator {
  readonly port: number;
  readonly log: () => string;
  /** As a node that dies: nothing is given back. */
  kill(): Promise<void>;
  /** As kubelet does: SIGTERM, and time to end. */
  stop(): Promise<void>;
}

const source = join(import.meta.dirname, '../../operator/main.ts');

/** Without `namespace` it is in charge of all of them. */
export async function launchOperator(
  leaseNamespace: string,
  env: Readonly<Record<string, string>> = {},
  main: string = source,
): Promise<RunningOperator> {
  // It listens at all addresses.
  const port = await freePort('::');
  const lines: string[] = [];
  const child = execa(process.execPath, [main], {
    env: {
      KUBECONFIG: kubeconfig,
      ANNEAL_POD_NAMESPACE: leaseNamespace,
      ANNEAL_POD_NAME: `operator-${port}`,
      ANNEAL_HEALTH_PORT: String(port),
      ANNEAL_WORKER_IMAGE: toyImage,
      ANNEAL_WORKER_PULL_POLICY: 'Never',
      ANNEAL_LOG_LEVEL: 'debug',
      ...env,
    },
    reject: false,
    buffer: false,
    stdin: 'ignore',
  });
  child.stdout?.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal);
    await child;
  };
  const running: RunningOperator = {
    port,
    log: () => lines.join(''),
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
  try {
    await eventually('the operator is ready', () => answers(port), {
      withinMs: 120_000,
      everyMs: 100,
    });
  } catch (error) {
    await running.kill();
    throw new Error(`the operator did not start:\n${running.log()}`, { cause: error });
  }
  return running;
}

/** In charge of one namespace, for one test. */
export async function startOperator(
  t: ExecutionContext,
  namespace: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningOperator> {
  const running = await launchOperator(namespace, { ANNEAL_NAMESPACES: namespace, ...env });
  t.teardown(async () => {
    await running.stop();
    if (!t.passed) t.log(running.log().split('\n').slice(-60).join('\n'));
  });
  return running;
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    return false; // it is not listening yet
  }
}
