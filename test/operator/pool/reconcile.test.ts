// Passes of the controller over a pool, against the objects of an API server in memory.
import test from 'ava';
import type { PoolStatus } from '../../../crds/api/training-pool.ts';
import type { ToldJob } from '../../../crds/wire/pool.ts';
import { addressedPods } from '../../../operator/job/observed/addressed-pod.ts';
import { batchJobs } from '../../../operator/job/observed/batch-job.ts';
import { networkPolicies } from '../../../operator/job/observed/child-object.ts';
import type { ObservedFineTuneJob } from '../../../operator/job/observed/fine-tune-job.ts';
import { fineTuneJobs } from '../../../operator/job/observed/fine-tune-job.ts';
import { poolInformers } from '../../../operator/pool/informers.ts';
import { type ObservedPool, trainingPools } from '../../../operator/pool/observed.ts';
import { PoolReconciler } from '../../../operator/pool/reconcile.ts';
import { ToldProgress } from '../../../operator/pool/told-progress.ts';
import { KubeClient } from '../../../operator/runtime/client.ts';
import { Store } from '../../../operator/runtime/store.ts';
import { someSettings } from '../../builders/built-job.ts';
import { aJob as writtenJob } from '../../builders/job.ts';
import { packedSpec, toldJob, writtenPool } from '../../builders/pool.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { KubeObjects, metaOf } from '../../doubles/kube/objects.ts';
import type { Tree } from '../../doubles/kube/patches.ts';
import { tellStore } from '../../doubles/kube/tell.ts';
import { MemoryTransport } from '../../doubles/simulation/memory-transport.ts';

const never = new AbortController().signal;
const at = {
  pools: 'apis/anneal.dev/v1alpha1/trainingpools',
  ftjs: 'apis/anneal.dev/v1alpha1/finetunejobs',
  jobs: 'apis/batch/v1/jobs',
  policies: 'apis/networking.k8s.io/v1/networkpolicies',
  maps: 'api/v1/configmaps',
  pods: 'api/v1/pods',
} as const;
const smol = { namespace: 'team', name: 'smol' } as const;
const child = { namespace: 'team', name: 'smol-pool' } as const;
const list = { namespace: 'team', name: 'smol-pool-jobs' } as const;
const prepared = {
  observedGeneration: 1,
  conditions: ['Validated', 'Initialized'].map((type) => ({
    ...{ type, status: 'True', reason: 'Ready', message: '' },
    lastTransitionTime: '2026-01-01T00:00:00Z',
  })),
};

class Site {
  readonly objects = new KubeObjects();
  readonly clock = new FakeClock();
  readonly transport = new MemoryTransport(this.objects);
  readonly progress = new ToldProgress();
  /** Of pods, by address; others do not answer. */
  readonly told = new Map<string, readonly ToldJob[]>();
  readonly #client = new KubeClient(this.transport);
  readonly #stores = poolInformers({
    connection: { client: this.#client, clock: this.clock, random: () => 0 },
    ...{ namespaces: undefined, tell: () => {}, changed: () => {} },
  }).stores;
  readonly #pools = new Store<ObservedPool>({ indexes: {} });
  readonly #jobs = new Store<ObservedFineTuneJob, 'pool'>({
    indexes: { pool: ({ metadata, spec }) => [`${metadata.namespace}/${spec?.packing?.pool}`] },
  });
  #reconciler = this.#leader();

  constructor(spec: Tree = {}) {
    this.create('pools', writtenPool(spec));
  }

  /** Another one leads, which knows nothing. */
  takeOver(): void {
    this.#reconciler = this.#leader();
  }

  #leader(): PoolReconciler {
    return new PoolReconciler({
      ...{ stores: this.#stores, client: this.#client, settings: someSettings, clock: this.clock },
      ...{ pools: this.#pools, jobs: this.#jobs, progress: this.progress },
      operatorNamespace: 'anneal-system',
      ask: async (address) => {
        const told = this.told.get(address);
        return told && { jobs: [...told] };
      },
    });
  }

  create(kind: keyof typeof at, body: Tree): Tree {
    return this.objects.create({ collection: at[kind], namespace: 'team' }, body);
  }

  /** Its UID is that of the object. */
  job(name: string, status: Tree = prepared): string {
    const { spec, apiVersion, kind } = writtenJob(packedSpec) as unknown as Tree;
    const made = this.create('ftjs', { apiVersion, kind, metadata: { name }, spec });
    const where = { collection: at.ftjs, namespace: 'team', name };
    this.objects.mergePatch(where, { status });
    return String(metaOf(made)['uid']);
  }

  /** Until nothing is written any more. */
  async settle(): Promise<void> {
    for (let round = 0; round < 12; round++) {
      tellStore(this.objects, at.pools, trainingPools, this.#pools);
      tellStore(this.objects, at.ftjs, fineTuneJobs, this.#jobs);
      tellStore(this.objects, at.jobs, batchJobs, this.#stores.batchJobs);
      tellStore(this.objects, at.policies, networkPolicies, this.#stores.policies);
      tellStore(this.objects, at.pods, addressedPods, this.#stores.pods);
      const before = this.objects.version;
      await this.#reconciler.reconcile('team/smol', never);
      if (this.objects.version === before && round > 1) return;
    }
    throw new Error('it writes for ever');
  }

  get status(): PoolStatus {
    return (this.objects.get({ collection: at.pools, ...smol })['status'] ?? {}) as PoolStatus;
  }

  condition(type: string) {
    return this.status.conditions?.find((each) => each.type === type);
  }

  listed(): readonly string[] {
    const { data } = this.objects.get({ collection: at.maps, ...list }) as { data: Tree };
    const { jobs } = JSON.parse(String(data['jobs.json'])) as { jobs: { name: string }[] };
    return jobs.map(({ name }) => name);
  }

  /** As the Job controller does. */
  run(podIP: string, name = 'smol-pool-1'): void {
    const job = this.objects.get({ collection: at.jobs, ...child }) as {
      metadata: { uid: string; name: string };
      spec: { template: { metadata: { labels: Tree } } };
    };
    const { labels } = job.spec.template.metadata;
    const owner = { apiVersion: 'batch/v1', kind: 'Job', controller: true, ...job.metadata };
    const metadata = { name, labels, ownerReferences: [owner] };
    this.create('pods', { metadata, status: { phase: 'Running', podIP } });
  }
}

test('a pool gets its objects with its first job, and tells how jobs are that come later', async (t) => {
  const site = new Site();
  await site.settle();
  t.deepEqual(site.objects.all(at.jobs), [], 'nobody asks');
  const one = site.job('one');
  await site.settle();
  for (const kind of [at.jobs, at.policies, at.maps]) {
    const [object] = site.objects.all(kind);
    const [owner] = metaOf(object ?? {})['ownerReferences'] as Tree[];
    t.like(owner, { kind: 'TrainingPool', name: 'smol', controller: true });
  }
  site.run('10.0.0.9');
  site.told.set('10.0.0.9', [{ ...toldJob('one', 'Training'), uid: one }]);
  const { uid } = metaOf(site.objects.get({ collection: at.jobs, ...child }));
  site.job('two');
  await site.settle();
  t.deepEqual(site.listed(), ['one', 'two']);
  t.is(site.status.summary, '1/2');
  t.deepEqual(
    site.status.jobs?.map(({ state }) => state),
    ['Training', 'Attaching'],
  );
  t.is(metaOf(site.objects.get({ collection: at.jobs, ...child }))['uid'], uid, 'the pod stays');
});

test('a job that is deleted or suspended while it trains leaves the list; the pod goes with the last', async (t) => {
  const site = new Site();
  for (const name of ['one', 'two']) site.job(name);
  await site.settle();
  site.run('10.0.0.9');
  site.told.set('10.0.0.9', []);
  const where = { collection: at.ftjs, namespace: 'team' };
  site.objects.delete({ ...where, name: 'one' }, undefined);
  await site.settle();
  t.deepEqual(site.listed(), ['two']);
  site.objects.mergePatch({ ...where, name: 'two' }, { spec: { suspend: true } });
  await site.settle();
  t.deepEqual(site.listed(), []);
  t.is(site.objects.find({ collection: at.jobs, ...child }), undefined);
});

test('jobs of another pool, not prepared, or of another controller are not listed', async (t) => {
  const site = new Site();
  site.job('raw', { observedGeneration: 1, conditions: prepared.conditions.slice(0, 1) });
  site.job('ready');
  const other = { collection: at.ftjs, namespace: 'team', name: 'other' };
  site.job('other');
  site.objects.mergePatch(other, { spec: { packing: { pool: 'big' } } });
  site.objects.mergePatch(other, { status: prepared });
  await site.settle();
  t.deepEqual(site.listed(), ['ready']);
});

for (const [kind, word, where] of [
  ['maps', 'ConfigMap', list],
  ['jobs', 'Job', child],
  ['policies', 'NetworkPolicy', child],
] as const) {
  test(`a ${word} of somebody else that has the name stays as it is, and the pool says so`, async (t) => {
    const site = new Site();
    const owner = { apiVersion: 'v1', kind: 'X', name: 'x', uid: 'another', controller: true };
    // With our labels too: these are anybody's to write.
    const labels = { 'anneal.dev/pool-uid': 'uid-1', 'anneal.dev/pool-name': 'smol' };
    const metadata = { name: where.name, labels, ownerReferences: [owner] };
    const theirs = site.create(kind, { metadata, spec: {}, data: { note: 'mine' } });
    site.job('one');
    await site.settle();
    t.deepEqual(site.objects.find({ collection: at[kind], ...where }), theirs);
    t.like(site.condition('Accepted'), { status: 'False', reason: 'NameConflict' });
    t.regex(site.condition('Ready')?.message ?? '', /belongs to someone else; the pool needs/);
    site.objects.delete({ collection: at[kind], ...where }, undefined);
    await site.settle();
    t.is(site.condition('Accepted')?.status, 'True');
  });
}

test('a pod of somebody else with our labels tells nothing', async (t) => {
  const site = new Site();
  const one = site.job('one');
  await site.settle();
  const job = site.objects.get({ collection: at.jobs, ...child }) as Tree;
  const { template } = job['spec'] as { template: { metadata: { labels: Tree } } };
  const { labels } = template.metadata;
  site.create('pods', {
    metadata: { name: 'liar', labels },
    status: { phase: 'Running', podIP: '10.0.0.66' },
  });
  site.told.set('10.0.0.66', [{ ...toldJob('one', 'Trained'), uid: one }]);
  await site.settle();
  t.is(site.status.jobs?.[0]?.state, 'Attaching');
});

test('another leader goes on from what is written; a lost pod is followed by the next', async (t) => {
  const site = new Site();
  const one = site.job('one');
  const two = site.job('two');
  await site.settle();
  site.run('10.0.0.9');
  site.told.set('10.0.0.9', [
    { ...toldJob('one', 'Trained', { reason: 'Finished' }), uid: one },
    { ...toldJob('two', 'Training'), uid: two },
  ]);
  await site.settle();
  const { version } = site.objects;
  site.takeOver();
  await site.settle();
  t.is(site.objects.version, version, 'it writes nothing');
  site.objects.delete({ collection: at.pods, namespace: 'team', name: 'smol-pool-1' }, undefined);
  site.told.clear();
  await site.settle();
  t.deepEqual(
    site.status.jobs?.map(({ state }) => state),
    ['Trained', 'Attaching'],
  );
  site.run('10.0.0.10', 'smol-pool-2');
  site.told.set('10.0.0.10', [{ ...toldJob('two', 'Training'), uid: two }]);
  await site.settle();
  t.deepEqual(
    site.status.jobs?.map(({ state }) => state),
    ['Trained', 'Training'],
  );
});

test('an answer that got lost makes no second object and no conflict', async (t) => {
  const site = new Site();
  site.job('one');
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
  t.is(site.objects.all(at.jobs).length, 1);
});
