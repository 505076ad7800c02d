// How tests reach the cluster that was started for them, or that a person named: a client, kubectl, a namespace of their own. Every
// namespace enforces the "restricted" profile, as a careful site would.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { KubeClient } from '../../operator/runtime/client.ts';
import { type Clock, systemClock } from '../../operator/runtime/clock.ts';
import { CredentialSource } from '../../operator/runtime/credentials.ts';
import { Transport } from '../../operator/runtime/transport.ts';
import { eventually } from '../doubles/eventually.ts';
import { clusterVariables } from '../setup/cluster/cluster.ts';

export const kubeconfig = process.env[clusterVariables.kubeconfig] ?? '';
/** Folder of the programs of our own cluster; undefined for a cluster of somebody else. */
export const programs = process.env[clusterVariables.programs];

export const never = new AbortController().signal;

export function requireCluster(): void {
  if (kubeconfig === '') {
    throw new Error('no cluster: npm test -- cluster starts one, or set ANNEAL_TEST_KUBECONFIG');
  }
}

export function configFrom(file = kubeconfig): KubeConfig {
  requireCluster();
  const config = new KubeConfig();
  config.loadFromFile(file);
  return config;
}

export function transportTo(
  config: KubeConfig,
  timeoutMs = 30_000,
  clock: Clock = systemClock,
): Transport {
  return new Transport({
    credentials: new CredentialSource(config, systemClock),
    clock,
    userAgent: 'anneal-test',
    timeoutMs,
    connections: 16,
  });
}

export function clientOf(t: ExecutionContext, config = configFrom()): KubeClient {
  const transport = transportTo(config);
  t.teardown(() => transport[Symbol.asyncDispose]());
  return new KubeClient(transport);
}

export interface KubectlOptions {
  readonly input?: string;
  /** The test looks at the failure itself. */
  readonly mayFail?: boolean;
}

export async function kubectl(args: readonly string[], options: KubectlOptions = {}) {
  requireCluster();
  const file = programs === undefined ? 'kubectl' : join(programs, 'bin/kubectl');
  return execa(file, ['--kubeconfig', kubeconfig, ...args], {
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
    reject: options.mayFail !== true,
    timeout: 120_000,
  });
}

/** The object as the API server has it now. */
export async function getJson(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { stdout } = await kubectl(['get', ...args, '-o', 'json']);
  return JSON.parse(stdout) as Record<string, unknown>;
}

export async function installCrd(): Promise<void> {
  const file = join(import.meta.dirname, '../../crds/finetunejob.yaml');
  await kubectl(['apply', '--server-side', '--force-conflicts', '-f', file]);
  await kubectl([
    'wait',
    '--for=condition=Established',
    'crd/finetunejobs.anneal.dev',
    '--timeout=30s',
  ]);
}

/** What is closed after its use: a test, or whoever plays its part. */
export interface Closing {
  teardown(close: () => unknown): void;
}

/** A namespace for one test, gone when the test is. */
export async function aNamespace(t: Closing): Promise<string> {
  const name = `t-${randomBytes(4).toString('hex')}`;
  await kubectl(['create', 'namespace', name]);
  const restricted = 'pod-security.kubernetes.io/enforce=restricted';
  await kubectl(['label', 'namespace', name, restricted]);
  t.teardown(async () => {
    await kubectl(['delete', 'namespace', name, '--wait=false'], { mayFail: true });
    await letGo(name);
  });
  await eventually(
    'the namespace has its service account',
    async () => {
      const found = await kubectl(['-n', name, 'get', 'serviceaccount', 'default'], {
        mayFail: true,
      });
      return !found.failed;
    },
    { withinMs: 60_000, everyMs: 500 },
  );
  return name;
}

/** Jobs of an operator that is gone would hold the namespace for ever. */
async function letGo(namespace: string): Promise<void> {
  const of = ['-n', namespace];
  const found = await kubectl([...of, 'get', 'finetunejobs', '-o', 'name'], { mayFail: true });
  const patch = ['--type=merge', '-p', '{"metadata":{"finalizers":null}}'];
  for (const job of found.stdout.split('\n').filter((line) => line !== '')) {
    await kubectl([...of, 'patch', job, ...patch], { mayFail: true });
  }
}

/** A claim that all nodes can write to. */
export async function aClaim(namespace: string, name: string): Promise<void> {
  const claim = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace } },
    spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } } },
  };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(claim) });
}
