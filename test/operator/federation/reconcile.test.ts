// Passes of the controller over a party, against the objects of an API server in memory.
import test from 'ava';
import type { PartyStatus } from '../../../crds/api/federation-party.ts';
import type { PartyProgress } from '../../../crds/wire/federation-pod.ts';
import { federationInformers } from '../../../operator/federation/informers.ts';
import { parties } from '../../../operator/federation/observed.ts';
import { FederationReconciler } from '../../../operator/federation/reconcile.ts';
import { addressedPods } from '../../../operator/job/observed/addressed-pod.ts';
import { batchJobs } from '../../../operator/job/observed/batch-job.ts';
import { networkPolicies } from '../../../operator/job/observed/child-object.ts';
import { KubeClient } from '../../../operator/runtime/client.ts';
import { someSettings } from '../../builders/built-job.ts';
import { tells, writtenParty } from '../../builders/federation.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { KubeObjects, metaOf } from '../../doubles/kube/objects.ts';
import type { Tree } from '../../doubles/kube/patches.ts';
import { tellStore } from '../../doubles/kube/tell.ts';
import { MemoryTransport } from '../../doubles/simulation/memory-transport.ts';

const never = new AbortController().signal;
const at = {
  hubs: 'apis/anneal.dev/v1alpha1/federations',
  clients: 'apis/anneal.dev/v1alpha1/federationpeers',
  jobs: 'apis/batch/v1/jobs',
  policies: 'apis/networking.k8s.io/v1/networkpolicies',
  pods: 'api/v1/pods',
} as const;
const north = { namespace: 'team', name: 'north' } as const;
const child = { namespace: 'team', name: 'north-client' } as const;

class Site {
  readonly objects = new KubeObjects();
  readonly clock = new FakeClock();
  readonly transport = new MemoryTransport(this.objects);
  /** Of pods, by address; others do not answer. */
  readonly told = new Map<string, PartyProgress>();
  readonly #client = new KubeClient(this.transport);
  readonly #stores = federationInformers({
    connection: { client: this.#client, clock: this.clock, random: () => 0 },
    ...{ namespaces: undefined, tell: () => {}, changed: () => {} },
  }).stores;
  readonly #reconciler = new FederationReconciler({
    ...{ stores: this.#stores, client: this.#client, settings: someSettings, clock: this.clock },
    operatorNamespace: 'anneal-system',
    ask: async (address) => this.told.get(address),
  });

  constructor(spec: Tree = {}) {
    this.create('clients', writtenParty('client', spec));
  }

  create(kind: keyof typeof at, body: Tree): Tree {
    return this.objects.create({ collection: at[kind], namespace: 'team' }, body);
  }

  edit(spec: Tree): void {
    this.objects.mergePatch({ collection: at.clients, ...north }, { spec });
  }

  /** Until nothing is written any more. */
  async settle(key = 'client/team/north'): Promise<void> {
    for (let round = 0; round < 10; round++) {
      this.#deliver();
      const before = this.objects.version;
      await this.#reconciler.reconcile(key, never);
      if (this.objects.version === before && round > 1) return;
    }
    throw new Error('it writes for ever');
  }

  #deliver(): void {
    tellStore(this.objects, at.hubs, parties.hub, this.#stores.hub);
    tellStore(this.objects, at.clients, parties.client, this.#stores.client);
    tellStore(this.objects, at.jobs, batchJobs, this.#stores.jobs);
    tellStore(this.objects, at.policies, networkPolicies, this.#stores.policies);
    tellStore(this.objects, at.pods, addressedPods, this.#stores.pods);
  }

  get status(): PartyStatus {
    const { status } = this.objects.get({ collection: at.clients, ...north });
    return (status ?? {}) as PartyStatus;
  }

  condition(type: string) {
    return this.status.conditions?.find((each) => each.type === type);
  }

  get job(): Tree | undefined {
    return this.objects.find({ collection: at.jobs, ...child });
  }

  /** As the Job controller does. */
  run(status: Tree): void {
    const { metadata, spec } = this.job as { metadata: { uid: string; name: string }; spec: Tree };
    const { template } = spec as { template: { metadata: { labels: Tree } } };
    const owner = { apiVersion: 'batch/v1', kind: 'Job', controller: true, ...metadata };
    const ownerReferences = [owner];
    const { labels } = template.metadata;
    this.create('pods', { metadata: { name: 'north-1', labels, ownerReferences }, status });
  }
}

test('a client gets a policy and a Job that are its own, and tells what its pod tells', async (t) => {
  const site = new Site();
  await site.settle();
  for (const kind of [at.jobs, at.policies]) {
    const [object] = site.objects.all(kind);
    const [owner] = metaOf(object ?? {})['ownerReferences'] as Tree[];
    t.like(owner, { kind: 'FederationPeer', name: 'north', controller: true });
  }
  site.run({ phase: 'Running', podIP: '10.0.0.9' });
  site.told.set('10.0.0.9', tells());
  await site.settle();
  t.like(site.status, { phase: 'Running', progress: '1/3' });
  t.is(site.condition('Accepted')?.status, 'True');
});

test('what a pod said at its end is its last word', async (t) => {
  const site = new Site();
  await site.settle();
  const failure = { code: 'E_DIGEST_MISMATCH', message: 'its base is another one' };
  const message = JSON.stringify(tells({ state: 'Failed', failure }));
  const terminated = { exitCode: 64, message };
  site.run({ phase: 'Failed', containerStatuses: [{ name: 'a', state: { terminated } }] });
  const conditions = [{ type: 'Failed', status: 'True' }];
  site.objects.mergePatch({ collection: at.jobs, ...child }, { status: { conditions } });
  await site.settle();
  t.like(site.status, { phase: 'Failed', failure });
});

test('a hub and a client of one name have a Job each', async (t) => {
  const site = new Site();
  const hub = writtenParty('hub');
  site.create('hubs', { ...hub, metadata: { name: 'north' } });
  await site.settle();
  await site.settle('hub/team/north');
  t.deepEqual(
    site.objects.all(at.jobs).map((each) => metaOf(each)['name']),
    ['north-client', 'north-hub'],
  );
});

for (const [kind, word] of [
  ['jobs', 'Job'],
  ['policies', 'NetworkPolicy'],
] as const) {
  test(`a ${word} of somebody else that has the name stays as it is, and the client says so`, async (t) => {
    const site = new Site();
    // With our labels too: these are anybody's to write.
    const owner = { apiVersion: 'v1', kind: 'X', name: 'x', uid: 'another', controller: true };
    const labels = {
      ...{ 'anneal.dev/federation-uid': 'uid-1', 'anneal.dev/federation-name': 'north' },
      'anneal.dev/component': 'federation-client',
    };
    const metadata = { name: 'north-client', labels, ownerReferences: [owner] };
    const theirs = site.create(kind, { metadata, spec: {}, data: { note: 'mine' } });
    await site.settle();
    t.deepEqual(site.objects.find({ collection: at[kind], ...child }), theirs);
    t.like(site.condition('Accepted'), { status: 'False', reason: 'NameConflict' });
    t.regex(
      site.condition('Accepted')?.message ?? '',
      new RegExp(`^${word} north-client belongs to someone else; the federation needs the name`),
    );
    site.objects.delete({ collection: at[kind], ...child }, undefined);
    await site.settle();
    t.is(site.condition('Accepted')?.status, 'True');
  });
}

test('a Job that somebody deletes is made again when its pod has ended', async (t) => {
  const site = new Site();
  await site.settle();
  site.run({ phase: 'Running', podIP: '10.0.0.9' });
  site.objects.delete({ collection: at.jobs, ...child }, undefined);
  await site.settle();
  t.is(site.job, undefined);
  t.is(site.condition('Complete')?.reason, 'Replacing');
  const pod = { collection: at.pods, namespace: 'team', name: 'north-1' };
  site.objects.mergePatch(pod, { status: { phase: 'Succeeded' } });
  await site.settle();
  t.truthy(site.job);
});

test('a pod of somebody else with our labels tells nothing', async (t) => {
  const site = new Site();
  await site.settle();
  const { spec } = site.job as { spec: { template: { metadata: { labels: Tree } } } };
  const { labels } = spec.template.metadata;
  const status = { phase: 'Running', podIP: '10.0.0.66' };
  site.create('pods', { metadata: { name: 'liar', labels }, status });
  site.told.set('10.0.0.66', tells({ round: 3 }));
  await site.settle();
  t.is(site.status.round, undefined);
});

test('a changed spec replaces the Job, and one whose right is missing is refused until it is there', async (t) => {
  const site = new Site();
  await site.settle();
  const { metadata } = site.job as { metadata: { uid: string } };
  site.transport.outcome = ({ verb, path }) =>
    verb === 'POST' && path.endsWith('/jobs') ? 'Forbidden' : 'Fine';
  site.edit({ maxSamples: 10 });
  await site.settle();
  t.like(site.condition('Accepted'), { status: 'False', reason: 'PermissionDenied' });
  site.transport.outcome = () => 'Fine';
  await site.settle();
  t.is(site.condition('Accepted')?.status, 'True');
  t.not((site.job as { metadata: { uid: string } }).metadata.uid, metadata.uid);
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
  t.is(lost.size, 2);
  t.is(site.condition('Accepted')?.status, 'True');
  t.is(site.objects.all(at.jobs).length, 1);
});

test('of a client that is going nothing is written', async (t) => {
  const site = new Site();
  const going = { finalizers: ['x'], deletionTimestamp: '2026-01-01T00:00:00Z' };
  site.objects.mergePatch({ collection: at.clients, ...north }, { metadata: going });
  await site.settle();
  t.deepEqual(site.objects.all(at.jobs), []);
});
