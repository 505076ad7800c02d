// How tests reach the cluster that was started for them, or that a person named: a client, kubectl,
// a namespace of their own. Every namespace enforces the "restricted" profile, as a careful site
// would.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { type Clock, systemClock } from '../../crds/clock.ts';
import { ApiError, isAlreadyExists } from '../../operator/runtime/api-error.ts';
import { KubeClient } from '../../operator/runtime/client.ts';
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
    throw new Error(
      'no cluster: npm run test:all -- cluster starts one, or set ANNEAL_TEST_KUBECONFIG',
    );
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

/**
 * Webhooks of neighbours (Kueue's sees every Job) have ten seconds to answer, which may be too few
 * beside other tests. Nothing was changed then: the command is run again, twice at most.
 */
const webhookDidNotAnswer = /failed calling webhook .*context deadline exceeded/;

export async function kubectl(args: readonly string[], options: KubectlOptions = {}) {
  requireCluster();
  const file = programs === undefined ? 'kubectl' : join(programs, 'bin/kubectl');
  for (let attempt = 1; ; attempt += 1) {
    const ended = await execa(file, ['--kubeconfig', kubeconfig, ...args], {
      ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
      ...{ reject: false, timeout: 120_000 },
    });
    if (attempt < 3 && webhookDidNotAnswer.test(ended.stderr)) continue;
    if (ended.failed && options.mayFail !== true) throw ended;
    return ended;
  }
}

/** Where the API server keeps what tests look at. */
const roots = {
  pods: '/api/v1',
  services: '/api/v1',
  configmaps: '/api/v1',
  deployments: '/apis/apps/v1',
  persistentvolumeclaims: '/api/v1',
  jobs: '/apis/batch/v1',
  networkpolicies: '/apis/networking.k8s.io/v1',
  finetunejobs: '/apis/anneal.dev/v1alpha1',
  adapters: '/apis/anneal.dev/v1alpha1',
  adapterservers: '/apis/anneal.dev/v1alpha1',
  federations: '/apis/anneal.dev/v1alpha1',
  federationpeers: '/apis/anneal.dev/v1alpha1',
  trainingpools: '/apis/anneal.dev/v1alpha1',
} as const;

export type Plural = keyof typeof roots;

/**
 * The object as the API server has it now. Asked without kubectl, whose start takes as much of the
 * processor as a step of training, and some of those who wait for a job ask twice a second.
 */
export function getJson(namespace: string, plural: Plural, name: string): Promise<KubeAnswer> {
  return ask(`${roots[plural]}/namespaces/${namespace}/${plural}/${name}`);
}

/** Those of a namespace; with a selector, those that have the labels. */
export async function listJson(namespace: string, plural: Plural, labelSelector?: string) {
  const query = labelSelector === undefined ? {} : { labelSelector };
  const { items } = await ask(`${roots[plural]}/namespaces/${namespace}/${plural}`, query);
  return items as readonly unknown[];
}

/**
 * For what may be asked twice. The API server ends a connection by HTTP/2 whose first frame is not
 * there after two seconds, without a word, and where several files of tests share two cores, one
 * may have no turn for so long. What runs on a cluster tries again by itself.
 */
export async function askedAgain<T>(ask: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (attempt === 3 || !(error instanceof ApiError) || error.status !== 0) throw error;
    }
  }
}

type KubeAnswer = Readonly<Record<string, unknown>>;

async function ask(path: string, query: Readonly<Record<string, string>> = {}) {
  await using transport = transportTo(configFrom());
  const answer = await askedAgain(() => transport.send({ verb: 'GET', path, query }, never));
  return answer as KubeAnswer;
}

export async function installCrd(): Promise<void> {
  const kinds = [
    ...['finetunejob', 'adapter', 'adapterserver', 'federation', 'federationpeer', 'trainingpool'],
  ];
  const files = kinds.flatMap((name) => [
    '-f',
    join(import.meta.dirname, `../../crds/${name}.yaml`),
  ]);
  await kubectl(['apply', '--server-side', '--force-conflicts', ...files]);
  await kubectl([
    'wait',
    '--for=condition=Established',
    ...kinds.map((name) => `crd/${name}s.anneal.dev`),
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
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
  await using transport = transportTo(configFrom());
  await askedAgain(async () => {
    try {
      await transport.send({ verb: 'POST', path: namespaces, body }, never);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  });
  t.teardown(() => removeNamespace(name));
  const account = `${namespaces}/${name}/serviceaccounts/default`;
  const isThere = async () => (await unlessRefused(transport, 'GET', account)) !== undefined;
  await eventually('the namespace has its service account', isThere, {
    withinMs: 60_000,
    everyMs: 100,
  });
  return name;
}

const namespaces = '/api/v1/namespaces';

async function removeNamespace(name: string): Promise<void> {
  await using transport = transportTo(configFrom());
  await unlessRefused(transport, 'DELETE', `${namespaces}/${name}`);
  // Jobs of an operator that is gone would hold the namespace for ever.
  const path = `/apis/anneal.dev/v1alpha1/namespaces/${name}/finetunejobs`;
  const found = (await unlessRefused(transport, 'GET', path)) as { items: Named[] } | undefined;
  for (const { metadata } of found?.items ?? []) {
    const body = { metadata: { finalizers: null } };
    await unlessRefused(transport, 'PATCH', `${path}/${metadata.name}`, body);
  }
  // So would a Job that waits for a pod to take the place of another: none can be made any more.
  const batch = `/apis/batch/v1/namespaces/${name}/jobs`;
  await unlessRefused(transport, 'DELETE', batch, { propagationPolicy: 'Background' });
}

interface Named {
  readonly metadata: { readonly name: string };
}

/** The answer; undefined where the API server has another one, as of what is not there. */
async function unlessRefused(
  transport: Transport,
  verb: 'GET' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
): Promise<unknown> {
  const contentType = verb === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  try {
    return await transport.send({ verb, path, body, contentType }, never);
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
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
