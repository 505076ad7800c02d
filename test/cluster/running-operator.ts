// The operator as a process of this machine, against the real cluster, in charge of one namespace.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
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

/** The line of its log that tells the port of its health endpoints. */
const openedAt = /"port":(?<port>\d+),"msg":"health endpoints are open"/;

/** Without `namespace` it is in charge of all of them. */
export async function launchOperator(
  leaseNamespace: string,
  env: Readonly<Record<string, string>> = {},
  main: string = source,
): Promise<RunningOperator> {
  const lines: string[] = [];
  const child = execa(process.execPath, [main], {
    env: {
      KUBECONFIG: kubeconfig,
      ANNEAL_POD_NAMESPACE: leaseNamespace,
      ANNEAL_POD_NAME: `operator-${randomUUID()}`,
      // Chosen by the system and read from the log: a port found free here could be another
      // operator's by the time that this one listens.
      ANNEAL_HEALTH_PORT: '0',
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
  const log = () => lines.join('');
  let port = Number(env['ANNEAL_HEALTH_PORT'] ?? Number.NaN);
  const isReady = () => {
    if (Number.isNaN(port)) port = Number(openedAt.exec(log())?.groups?.['port']);
    return answers(port);
  };
  try {
    await eventually('the operator is ready', isReady, { withinMs: 120_000, everyMs: 100 });
  } catch (error) {
    await end('SIGKILL');
    throw new Error(`the operator did not start:\n${log()}`, { cause: error });
  }
  return { port, log, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
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
  if (Number.isNaN(port)) return false; // it has not said where
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    return false; // it is not listening yet
  }
}
