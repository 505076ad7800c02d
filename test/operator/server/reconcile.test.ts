// Passes of the controller over a server, against the objects of an API server in memory.
import test from 'ava';
import type { ServerStatus } from '../../../crds/api/adapter-server.ts';
import { sizesOf } from '../../../crds/plan/model-sizes.ts';
import type { ServedAdapters } from '../../../crds/serve/served-adapters.ts';
import { services } from '../../../operator/job/observed/child-object.ts';
import { KubeClient } from '../../../operator/runtime/client.ts';
import { serverInformers } from '../../../operator/server/informers.ts';
import {
  deployments,
  servedAdapterObjects,
  servers,
  servingPods,
} from '../../../operator/server/observed.ts';
import { ServerReconciler } from '../../../operator/server/reconcile.ts';
import { claimed, vllm, writtenServer } from '../../builders/adapter-server.ts';
import { someSettings } from '../../builders/built-job.ts';
import { smol135 } from '../../builders/facts.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { KubeObjects, metaOf } from '../../doubles/kube/objects.ts';
import type { Tree } from '../../doubles/kube/patches.ts';
import { tellStore } from '../../doubles/kube/tell.ts';
import { MemoryTransport } from '../../doubles/simulation/memory-transport.ts';

const never = new AbortController().signal;
const at = {
  servers: 'apis/anneal.dev/v1alpha1/adapterservers',
  deployments: 'apis/apps/v1/deployments',
  services: 'api/v1/services',
  configMaps: 'api/v1/configmaps',
  pods: 'api/v1/pods',
  adapters: 'apis/anneal.dev/v1alpha1/adapters',
} as const;
const answers = { namespace: 'team', name: 'answers' } as const;

class Site {
  readonly objects = new KubeObjects();
  readonly clock = new FakeClock();
  readonly transport = new MemoryTransport(this.objects);
  /** By address; others do not answer. */
  told = new Map<string, ServedAdapters>();
  readonly #client = new KubeClient(this.transport);
  readonly #stores = serverInformers({
    connection: { client: this.#client, clock: this.clock, random: () => 0 },
    ...{ namespaces: undefined, tell: () => {}, changed: () => {} },
  }).stores;
  readonly #reconciler = new ServerReconciler({
    ...{ stores: this.#stores, client: this.#client, settings: someSettings, clock: this.clock },
    ask: async (address) => this.told.get(address),
  });

  constructor(spec: Readonly<Record<string, unknown>> = {}) {
    this.create('servers', writtenServer(spec));
  }

  create(kind: keyof typeof at, body: Tree): Tree {
    return this.objects.create({ collection: at[kind], namespace: 'team' }, body);
  }

  edit(spec: Tree): void {
    this.objects.mergePatch({ collection: at.servers, ...answers }, { spec });
  }

  /** Until nothing is written any more. */
  async settle(): Promise<void> {
    for (let round = 0; round < 10; round++) {
      this.deliver();
      const before = this.objects.version;
      await this.#reconciler.reconcile('team/answers', never);
      if (this.objects.version === before && round > 1) return;
    }
    throw new Error('it writes for ever');
  }

  deliver(): void {
    const { servers: ours, deployments: made, services: named, pods, adapters } = this.#stores;
    tellStore(this.objects, at.servers, servers, ours);
    tellStore(this.objects, at.deployments, deployments, made);
    tellStore(this.objects, at.services, services, named);
    tellStore(this.objects, at.pods, servingPods, pods);
    tellStore(this.objects, at.adapters, servedAdapterObjects, adapters);
  }

  get status(): ServerStatus {
    const { status } = this.objects.get({ collection: at.servers, ...answers });
    return (status ?? {}) as ServerStatus;
  }

  condition(type: string) {
    return this.status.conditions?.find((each) => each.type === type);
  }

  get deployment(): Tree | undefined {
    return this.objects.find({ collection: at.deployments, ...answers });
  }

  get list(): unknown {
    const name = 'answers-adapters';
    const map = this.objects.find({ collection: at.configMaps, namespace: 'team', name });
    const { 'adapters.json': text = '' } = (map?.['data'] ?? {}) as Record<string, string>;
    return JSON.parse(text).adapters.map((one: { name: string }) => one.name);
  }

  /** As the controllers of the cluster do; the pod is labelled as its template says. */
  run(told: ServedAdapters): void {
    const { spec, metadata } = this.deployment as { spec: Tree; metadata: Tree };
    const { template } = spec as { template: { metadata: { labels: Tree } } };
    const { generation } = metadata;
    const counts = { replicas: 1, updatedReplicas: 1, availableReplicas: 1 };
    const status = { observedGeneration: generation, ...counts };
    this.objects.mergePatch({ collection: at.deployments, ...answers }, { status });
    if (this.objects.all(at.pods).length === 0) {
      const conditions = [{ type: 'Ready', status: 'True' }];
      this.create('pods', {
        metadata: { name: 'answers-1', labels: template.metadata.labels },
        status: { podIP: '10.0.0.9', conditions },
      });
    }
    this.told.set('10.0.0.9', told);
  }
}

test('a server gets its list, Service and Deployment, and is ready when its pods say so', async (t) => {
  const site = new Site();
  await site.settle();
  t.deepEqual(site.list, ['first']);
  t.is(site.condition('Ready')?.status, 'False');
  const folder = '/volumes/results/first/adapter';
  site.run({ served: [{ name: 'first', folder }], refused: [] });
  await site.settle();
  t.deepEqual(
    site.status.conditions?.map(({ type, status }) => `${type} ${status}`),
    ['Accepted True', 'Ready True', 'AdaptersLoaded True'],
  );
  const owned = [at.configMaps, at.services, at.deployments].map((kind) => {
    const [object] = site.objects.all(kind);
    return (metaOf(object ?? {})['ownerReferences'] as Tree[])[0]?.['kind'];
  });
  t.deepEqual(owned, ['AdapterServer', 'AdapterServer', 'AdapterServer']);
});

test('what adapters are asked is told every ten seconds, and not whenever it changes', async (t) => {
  const site = new Site();
  await site.settle();
  const folder = '/volumes/results/first/adapter';
  const busy = (answers: number): ServedAdapters => ({
    served: [{ name: 'first', folder, load: { open: 2, answers, tokens: 9 * answers } }],
    refused: [],
  });
  site.run(busy(0));
  await site.settle();
  const loadNow = () => site.status.adapters?.[0]?.load;
  t.is(loadNow()?.answers, 0);
  site.run(busy(1));
  await site.settle();
  t.is(loadNow()?.answers, 0);
  site.clock.advance(10_000);
  site.run(busy(2));
  await site.settle();
  t.deepEqual(loadNow(), { open: 2, answers: 2, tokens: 18 });
});

test('an adapter that comes changes the list and no pod', async (t) => {
  const site = new Site();
  await site.settle();
  const { spec } = site.deployment as { spec: Tree };
  site.edit({ adapters: [claimed('first'), claimed('second')] });
  await site.settle();
  t.deepEqual(site.list, ['first', 'second']);
  t.deepEqual(site.deployment?.['spec'], spec);
});

test('an adapter of vLLM that comes makes new pods, since vLLM is told when it starts', async (t) => {
  const engine = { engine: vllm, devicesPerReplica: 1 };
  const site = new Site(engine);
  await site.settle();
  t.deepEqual(site.objects.all(at.configMaps), []);
  const { spec } = site.deployment as { spec: Tree };
  site.edit({ adapters: [claimed('first'), claimed('second')] });
  await site.settle();
  t.notDeepEqual(site.deployment?.['spec'], spec);
  t.is(site.condition('Accepted')?.status, 'True');
});

test('an Adapter that a job makes later is listed when it is there, and not when it is gone', async (t) => {
  const site = new Site({ adapters: [{ name: 'made', adapterRef: { name: 'job-1' } }] });
  await site.settle();
  t.deepEqual(site.list, []);
  t.like(site.status.adapters?.[0], { state: 'Refused', message: 'Adapter job-1 is not there' });
  const forms = [{ type: 'PEFTAdapter', uri: 'pvc://results/adapter' }];
  const spec = { base: { digest: 'sha256:1' }, forms };
  site.create('adapters', { metadata: { name: 'job-1' }, spec });
  await site.settle();
  t.deepEqual(site.list, ['made']);
  site.objects.delete({ collection: at.adapters, namespace: 'team', name: 'job-1' }, undefined);
  await site.settle();
  t.deepEqual(site.list, []);
});

const neighbours = [
  ['configMaps', 'answers-adapters', 'ConfigMap'],
  ['services', 'answers', 'Service'],
  ['deployments', 'answers', 'Deployment'],
] as const;

for (const [kind, name, word] of neighbours) {
  test(`a ${word} of somebody else that has the name stays as it is, and the server says so`, async (t) => {
    const site = new Site();
    // With our labels too: these are anybody's to write.
    const owner = { apiVersion: 'v1', kind: 'X', name: 'x', uid: 'another', controller: true };
    const labels = { 'anneal.dev/server-uid': 'uid-1', 'anneal.dev/server-name': 'answers' };
    const metadata = { name, labels, ownerReferences: [owner] };
    const theirs = site.create(kind, { metadata, data: { note: 'mine' } });
    await site.settle();
    t.deepEqual(site.objects.find({ collection: at[kind], namespace: 'team', name }), theirs);
    t.like(site.condition('Accepted'), { status: 'False', reason: 'NameConflict' });
    t.regex(
      site.condition('Accepted')?.message ?? '',
      new RegExp(`^${word} ${name} belongs to someone else; the server needs the name`),
    );
    site.objects.delete({ collection: at[kind], namespace: 'team', name }, undefined);
    await site.settle();
    t.is(site.condition('Accepted')?.status, 'True');
  });
}

test('of a server that cannot fit nothing is written, until it is made smaller', async (t) => {
  const small = { limits: { memory: '600Mi' }, requests: { memory: '64Mi' } };
  const adapters = [{ name: 'made', adapterRef: { name: 'job-1' } }];
  const site = new Site({ adapters, resources: small });
  const forms = [{ type: 'PEFTAdapter', uri: 'pvc://results/adapter', size: '1Mi' }];
  const base = { digest: 'sha256:1', sizes: sizesOf({ facts: smol135, storedBfloat16: 0 }) };
  site.create('adapters', { metadata: { name: 'job-1' }, spec: { base, forms } });
  await site.settle();
  t.like(site.condition('Accepted'), { status: 'False', reason: 'DoesNotFit' });
  t.regex(site.condition('Accepted')?.message ?? '', /513\.1 MiB of weights \+ /);
  t.is(site.deployment, undefined);
  t.is(site.status.memory?.weights, '538060032');
  site.edit({ resources: { limits: { memory: '4Gi' }, requests: { memory: '64Mi' } } });
  await site.settle();
  t.is(site.condition('Accepted')?.status, 'True');
  t.not(site.deployment, undefined);
});

test('a right that is missing is a condition, and the server goes on when it is given', async (t) => {
  const site = new Site();
  site.transport.outcome = ({ verb, path }) =>
    verb === 'POST' && path.endsWith('/deployments') ? 'Forbidden' : 'Fine';
  await site.settle();
  t.like(site.condition('Accepted'), { status: 'False', reason: 'PermissionDenied' });
  site.transport.outcome = () => 'Fine';
  await site.settle();
  t.is(site.condition('Accepted')?.status, 'True');
  t.not(site.deployment, undefined);
});

test('an answer that got lost makes no second object and no conflict', async (t) => {
  const site = new Site();
  const lost = new Set<string>();
  site.transport.outcome = ({ verb, path }) => {
    if (verb !== 'POST' || lost.has(path)) return 'Fine';
    lost.add(path);
    return 'AnswerIsLost';
  };
  for (let round = 0; round < 4; round++) await site.settle().catch(() => undefined);
  await site.settle();
  t.is(lost.size, 3);
  t.is(site.condition('Accepted')?.status, 'True');
});

test('a Deployment that was scaled by hand has the replicas of the server again', async (t) => {
  const site = new Site();
  await site.settle();
  site.objects.mergePatch({ collection: at.deployments, ...answers }, { spec: { replicas: 5 } });
  await site.settle();
  t.like(site.deployment, { spec: { replicas: 1 } });
});

test('of a server that is going nothing is written', async (t) => {
  const site = new Site();
  const going = { finalizers: ['x'], deletionTimestamp: '2026-01-01T00:00:00Z' };
  site.objects.mergePatch({ collection: at.servers, ...answers }, { metadata: going });
  await site.settle();
  t.deepEqual(site.objects.all(at.deployments), []);
});
