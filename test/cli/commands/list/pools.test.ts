// `anneal list`, `anneal watch` and `anneal why` of pools, and of a job whose pool has no pod,
// before a small API server.
import test from 'ava';
import { aToldPool, oneOfEachPoolState } from '../../../builders/told-pool.ts';
import { eventually } from '../../../doubles/eventually.ts';
import type { Tree } from '../../../doubles/kube/patches.ts';
import { aCluster } from '../../cluster.ts';

const at = { collection: 'apis/anneal.dev/v1alpha1/trainingpools', namespace: 'team-a' } as const;

function put({ server }: Awaited<ReturnType<typeof aCluster>>, object: object): void {
  const { metadata, ...rest } = structuredClone(object) as Tree & { metadata: object };
  server.objects.create(at, { ...rest, metadata: { ...metadata, namespace: 'team-a' } });
}

async function aClusterWithPools() {
  const cluster = await aCluster();
  cluster.put('halo', { status: { phase: 'Running' } });
  for (const object of oneOfEachPoolState()) put(cluster, object);
  return cluster;
}

test('pools stand below the jobs; one that cannot be read is a row and a note', async (t) => {
  await using cluster = await aClusterWithPools();
  const { code, out, err } = await cluster.anneal('list');
  t.is(code, 0, err);
  t.regex(out, /^NAME .*\nhalo +● Running .*\n\nPOOL +STATE +TRAINING +PLACES +BASE +AGE +WHY\n/);
  t.regex(out, /\nrunning +● Running +2\/2 +8 +model +\d+d\n/);
  t.regex(out, /\nunreadable +\? Unreadable +– .* NotReadable\n/);
  t.regex(err, /^note: of unreadable, status\.conditions is none; /);
});

test('programs get pools beside the jobs, with what their status has', async (t) => {
  await using cluster = await aClusterWithPools();
  const { pools } = JSON.parse((await cluster.anneal('list', '-o', 'json')).out);
  t.is(pools.length, oneOfEachPoolState().length);
  t.like(
    pools.find(({ name }: { name: string }) => name === 'full'),
    { kind: 'TrainingPool', namespace: 'team-a', state: 'Running', places: 2, summary: '2/12' },
  );
});

test('why finds a pool by its name and by its kind', async (t) => {
  await using cluster = await aClusterWithPools();
  for (const word of ['mixed', 'team-a/mixed', 'trainingpool/mixed']) {
    const { code, out, err } = await cluster.anneal('why', word);
    t.is(code, 0, err);
    t.regex(out, /^mixed {2}● Running\n/);
    t.regex(out, /\nJob legal failed: the loss of step 7 is NaN \(E_NON_FINITE_LOSS\)\.\n/);
  }
  const { err } = await cluster.anneal('describe', 'mixed');
  t.regex(err, /^mixed is no job in prod\/team-a; there is a TrainingPool of that name\n/);
});

test('watch follows a pool in lines, until it is in the state that was asked for', async (t) => {
  await using cluster = await aCluster();
  put(cluster, aToldPool('smol', { told: undefined }));
  const asked = ['watch', 'smol', '--display', 'plain', '--until', 'starting'];
  const { out, code } = await cluster.anneal(...asked);
  t.is(code, 0);
  t.regex(out, /^[\d:]{8} smol Starting · 0\/2 training · 8 places\n$/);
});

test('watch tells each change of a pool, and ends with 11 when it is deleted', async (t) => {
  await using cluster = await aCluster();
  put(cluster, aToldPool('smol', { told: undefined }));
  const watching = cluster.anneal('watch', 'smol', '--display', 'json');
  const isWatched = () =>
    cluster.server.seen.some(
      ({ path, query }) => path.endsWith('/trainingpools') && query.get('watch') === 'true',
    );
  await eventually('the pool is watched', isWatched);
  cluster.server.objects.mergePatch({ ...at, name: 'smol' }, { status: aToldPool('smol').status });
  cluster.server.objects.delete({ ...at, name: 'smol' }, undefined);
  const ended = await watching;
  t.is(ended.code, 11);
  t.like(JSON.parse(ended.out.split('\n')[0] ?? ''), { kind: 'TrainingPool', name: 'smol' });
});

test('why of a job tells what keeps the cluster from making the pod of its pool', async (t) => {
  await using cluster = await aCluster();
  const condition = {
    ...{ type: 'Running', status: 'False', reason: 'WaitsForPool' },
    ...{ message: 'pool smol: its pod starts', lastTransitionTime: '2026-01-01T00:00:00Z' },
  };
  cluster.put('halo', {
    spec: { packing: { pool: 'smol' } },
    status: { phase: 'Starting', conditions: [condition] },
  });
  const lease = { holderIdentity: 'one', renewTime: new Date(Date.now()).toISOString() };
  const create = (collection: string, namespace: string, name: string, body: Tree) => {
    const { metadata = {}, ...rest } = body as Tree & { metadata?: object };
    const made = { metadata: { ...metadata, name, namespace }, ...rest };
    cluster.server.objects.create({ collection, namespace }, made);
  };
  create('apis/coordination.k8s.io/v1/leases', 'anneal-system', 'anneal-operator', { spec: lease });
  const waits = (await cluster.anneal('why', 'halo')).out;
  t.regex(waits, /Pool smol: its pod starts\./);
  t.regex(waits, /anneal why trainingpool\/smol says how the pool is\./);
  create('apis/batch/v1/jobs', 'team-a', 'smol-pool', {
    metadata: {
      labels: { 'anneal.dev/pool-name': 'smol' },
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    ...{ spec: { parallelism: 1, completions: 1 }, status: { active: 0 } },
  });
  const note =
    'Error creating: pods "smol-pool-x" is forbidden: exceeded quota: compute, requested: cpu=4';
  const event = { type: 'Warning', reason: 'FailedCreate', note };
  create('apis/events.k8s.io/v1/events', 'team-a', 'smol-pool.1', event);
  const { out } = await cluster.anneal('why', 'halo');
  t.regex(out, /The cluster creates no pods for Job smol-pool: exceeded quota: compute,/);
});
