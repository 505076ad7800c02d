// What of jobs and pools puts a pool in line, and that only the leader works on it, when all that
// it decides by is known.
import { once } from 'node:events';
import { createServer } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../crds/clock.ts';
import { poolPort } from '../../../crds/wire/pool.ts';
import {
  fineTuneJobs,
  type ObservedFineTuneJob,
} from '../../../operator/job/observed/fine-tune-job.ts';
import { type ObservedPool, trainingPools } from '../../../operator/pool/observed.ts';
import { PoolSide } from '../../../operator/pool/side.ts';
import { Store } from '../../../operator/runtime/store.ts';
import { someSettings } from '../../builders/built-job.ts';
import { aJob as writtenJob } from '../../builders/job.ts';
import { aClient } from '../../builders/kube-client.ts';
import { packedSpec, writtenPool } from '../../builders/pool.ts';
import { aStepBody } from '../../builders/step-body.ts';
import { eventually } from '../../doubles/eventually.ts';
import type { Tree } from '../../doubles/kube/patches.ts';
import { KubeServer } from '../../doubles/kube/server.ts';
import { tellStore } from '../../doubles/kube/tell.ts';

const at = {
  pools: { collection: 'apis/anneal.dev/v1alpha1/trainingpools', namespace: 'team' },
  ftjs: { collection: 'apis/anneal.dev/v1alpha1/finetunejobs', namespace: 'team' },
  jobs: { collection: 'apis/batch/v1/jobs', namespace: 'team' },
  maps: { collection: 'api/v1/configmaps', namespace: 'team' },
  pods: { collection: 'api/v1/pods', namespace: 'team' },
} as const;

const prepared = {
  observedGeneration: 1,
  conditions: ['Validated', 'Initialized'].map((type) => ({
    ...{ type, status: 'True', reason: 'Ready', message: '' },
    lastTransitionTime: '2026-01-01T00:00:00Z',
  })),
};

/** Beside an API server that has one pool. */
async function aSide(t: ExecutionContext) {
  const server = await KubeServer.start();
  const client = aClient(server.origin);
  const added: string[] = [];
  const pools = new Store<ObservedPool>({ indexes: {} });
  const jobs = new Store<ObservedFineTuneJob, 'pool'>({
    indexes: { pool: ({ metadata, spec }) => [`${metadata.namespace}/${spec?.packing?.pool}`] },
  });
  const facts = { clock: systemClock, random: () => 0 };
  const side = new PoolSide(
    {
      ...facts,
      config: { pods: someSettings, reconcilers: 1, lease: { namespace: 'anneal-system' } },
      clients: { work: client },
    },
    { begins: () => {}, queueAdd: (of) => void added.push(of), reconcile: () => {} },
    { connection: { client, ...facts }, namespaces: undefined, tell: () => {} },
  );
  const known = Promise.withResolvers<void>();
  side.follow({ jobs, pools, synced: known.promise });
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  t.teardown(async () => {
    stop.abort();
    await Promise.all(running);
    await client[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const pool = server.objects.create(at.pools, writtenPool());
  return {
    ...{ server, side, added, known },
    putPool: () => pools.put(trainingPools.read(structuredClone(pool))),
    /** Whether it holds, of what the informers of jobs and pools were told meanwhile. */
    seen(holds: () => boolean): () => boolean {
      return () => {
        tellStore(server.objects, at.pools.collection, trainingPools, pools);
        tellStore(server.objects, at.ftjs.collection, fineTuneJobs, jobs);
        return holds();
      };
    },
    putJob(name: string, changes: Tree = packedSpec) {
      const { spec, apiVersion, kind } = writtenJob(changes) as unknown as Tree;
      const where = { ...at.ftjs, name };
      server.objects.create(at.ftjs, { apiVersion, kind, metadata: { name }, spec });
      server.objects.mergePatch(where, { status: prepared });
      const job = fineTuneJobs.read(structuredClone(server.objects.get(where)));
      jobs.put(job);
      return job;
    },
    run: () => running.push(side.informers.run(stop.signal)),
    lead: () => running.push(side.lead(stop.signal)),
    listed(): readonly string[] {
      const map = server.objects.find({ ...at.maps, name: 'smol-pool-jobs' });
      const text = (map?.['data'] as Tree | undefined)?.['jobs.json'] ?? '{"jobs":[]}';
      return (JSON.parse(String(text)) as { jobs: { name: string }[] }).jobs.map(
        ({ name }) => name,
      );
    },
    poolJob: () => server.objects.find({ ...at.jobs, name: 'smol-pool' }),
  };
}

test('a pool, and a job that names one, put it in line; another job does not', async (t) => {
  const { added, putPool, putJob } = await aSide(t);
  putJob('alone', { 'worker.devicesPerWorker': 0 });
  t.deepEqual(added, []);
  putPool();
  t.is(added.length, 1);
  putJob('one', { ...packedSpec, 'packing.pool': 'other' });
  t.is(added.length, 2);
});

test('whoever leads begins when jobs and pools are known too, and sees each job that comes', async (t) => {
  const site = await aSide(t);
  site.putPool();
  site.putJob('one');
  site.run();
  await site.side.informers.synced;
  t.deepEqual(site.side.informers.missing(), []);
  site.lead();
  t.is(site.poolJob(), undefined, 'jobs that it does not know yet would be let go');
  site.known.resolve();
  await eventually(
    'the pool has its pod',
    site.seen(() => site.poolJob() !== undefined),
  );
  t.deepEqual(site.listed(), ['one']);
  site.putJob('two');
  await eventually(
    'the second is listed',
    site.seen(() => site.listed().length === 2),
  );
});

test('what its pod tells is the progress of its jobs', async (t) => {
  const site = await aSide(t);
  site.putPool();
  const { uid } = site.putJob('one').metadata;
  site.run();
  site.lead();
  site.known.resolve();
  await eventually(
    'the pool has its pod',
    site.seen(() => site.poolJob() !== undefined),
  );
  const step = { time: 1, ...aStepBody(7) };
  const asked: string[] = [];
  const pod = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end(JSON.stringify({ v: 1, jobs: [{ uid, state: 'Training', step }] }));
  });
  // An address of its own: the port is that of every pool.
  pod.listen(poolPort, address);
  await once(pod, 'listening');
  t.teardown(() => {
    pod.closeAllConnections();
    pod.close();
  });
  const { metadata, spec } = site.poolJob() as {
    metadata: { uid: string };
    spec: { template: { metadata: { labels: Tree } } };
  };
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'smol-pool', controller: true };
  site.server.objects.create(at.pods, {
    metadata: {
      ...{ name: 'smol-pool-1', labels: spec.template.metadata.labels },
      ownerReferences: [{ ...owner, uid: metadata.uid }],
    },
    status: { phase: 'Running', podIP: address },
  });
  await eventually(
    'the step is known',
    site.seen(() => site.side.progress.of(uid)?.step?.step === 7),
  );
  t.true(asked.every((path) => path === '/jobs'));
});

const address = '127.83.110.9';
