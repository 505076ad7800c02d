// `anneal cancel --delete-data` before a small API server that has a Job of the job, and runs the
// one that removes.
import test from 'ava';
import { aCluster } from '../../cluster.ts';

const jobs = 'apis/batch/v1/jobs';
const pods = 'api/v1/pods';
const namespace = 'team-a';

type Cluster = Awaited<ReturnType<typeof aCluster>>;

const artifacts = [
  { type: 'PEFTAdapter', uri: 'pvc://notes/out/adapter', bytes: 1 },
  { type: 'PEFTAdapter', uri: 's3://bucket/out', bytes: 1 },
];

/** A job whose workers have run once. */
function putTrained(cluster: Cluster, phase: string): void {
  cluster.put('first', { status: { phase, artifacts } });
  const { metadata } = cluster.get('first') as { metadata: { uid: string } };
  const labels = { 'anneal.dev/job-uid': metadata.uid };
  const folder = '/volumes/notes/.anneal/runs/first-x';
  const container = {
    ...{ name: 'worker', image: 'worker:1', imagePullPolicy: 'Never' },
    securityContext: { readOnlyRootFilesystem: true },
    env: [{ name: 'ANNEAL_RUN_FOLDER', value: folder }],
    args: ['supervise'],
  };
  const securityContext = { runAsUser: 10_001 };
  cluster.server.objects.create(
    { collection: jobs, namespace },
    {
      metadata: { name: 'first-w1', namespace, labels },
      spec: { template: { spec: { securityContext, containers: [container] } } },
    },
  );
}

const erasers = ({ server }: Cluster) =>
  server.objects
    .all(jobs)
    .filter(({ metadata }) => !(metadata as { name: string }).name.startsWith('first-w'));

/** The cluster runs what removes as soon as it is asked. */
function runErasers(cluster: Cluster, status: object): void {
  cluster.server.intercept = ({ verb, path }) => {
    if (verb !== 'GET' || !path.includes('/jobs/')) return undefined;
    const name = path.split('/').at(-1) ?? '';
    cluster.server.objects.mergePatch({ collection: jobs, namespace, name }, { status });
    return undefined;
  };
}

for (const phase of ['Running', 'Succeeded']) {
  test(`a job that is ${phase} goes with what it wrote, and what lies elsewhere is named`, async (t) => {
    await using cluster = await aCluster();
    putTrained(cluster, phase);
    runErasers(cluster, { succeeded: 1 });
    const told = await cluster.anneal('cancel', 'first', '--delete-data', '--confirm', 'first');
    t.is(told.code, 0, told.err);
    t.is(told.out, 'first is gone; its checkpoints and results are removed\n');
    t.is(cluster.get('first'), undefined);
    t.regex(
      told.err,
      /^removes pvc:\/\/notes\/\.anneal\/runs\/first-x\nremoves pvc:\/\/notes\/out\/adapter\nstays s3:\/\/bucket\/out\n/,
    );
    const [eraser] = erasers(cluster);
    t.like(eraser, {
      spec: {
        template: {
          spec: {
            securityContext: { runAsUser: 10_001 },
            volumes: [{ name: 'claim-0', persistentVolumeClaim: { claimName: 'notes' } }],
          },
        },
      },
    });
    const { containers } = (eraser as { spec: { template: { spec: { containers: object[] } } } })
      .spec.template.spec;
    t.is(containers.length, 1);
    t.like(containers[0], {
      ...{ image: 'worker:1', imagePullPolicy: 'Never' },
      securityContext: { readOnlyRootFilesystem: true },
      volumeMounts: [{ name: 'claim-0', mountPath: '/volumes/notes' }],
    });
    t.deepEqual((containers[0] as { command: string[] }).command.slice(3), [
      '/volumes/notes/.anneal/runs/first-x',
      '/volumes/notes/out/adapter',
    ]);
  });
}

test('nothing is removed while a pod of the job is there, which may still write', async (t) => {
  await using cluster = await aCluster();
  putTrained(cluster, 'Running');
  const { metadata } = cluster.get('first') as { metadata: { uid: string } };
  const labels = { 'anneal.dev/job-uid': metadata.uid };
  const at = { collection: pods, namespace, name: 'first-w1-0' };
  const metadataOfPod = { name: at.name, namespace, labels };
  cluster.server.objects.create(at, { metadata: metadataOfPod, status: { phase: 'Running' } });
  const words = ['--delete-data', '--confirm', 'first', '--timeout', '1'];
  const told = await cluster.anneal('cancel', 'first', ...words);
  t.is(told.code, 6);
  t.regex(told.err, /first is cancelled, and its data was not removed within 1 s\nhint: /);
  t.is(erasers(cluster).length, 0);
});

test('a pod that has ended is not waited for', async (t) => {
  await using cluster = await aCluster();
  putTrained(cluster, 'Running');
  runErasers(cluster, { succeeded: 1 });
  const { metadata } = cluster.get('first') as { metadata: { uid: string } };
  const labels = { 'anneal.dev/job-uid': metadata.uid };
  for (const phase of ['Succeeded', 'Failed']) {
    const name = `first-${phase.toLowerCase()}`;
    const pod = { metadata: { name, namespace, labels }, status: { phase } };
    cluster.server.objects.create({ collection: pods, namespace }, pod);
  }
  const words = ['--delete-data', '--confirm', 'first', '--timeout', '60'];
  t.is((await cluster.anneal('cancel', 'first', ...words)).code, 0);
  t.is(erasers(cluster).length, 1);
});

test('without the right name, or with --no-wait, nothing is done', async (t) => {
  await using cluster = await aCluster();
  putTrained(cluster, 'Running');
  const wrong = await cluster.anneal('cancel', 'first', '--delete-data', '--confirm', 'fist');
  t.is(wrong.code, 2);
  t.regex(
    wrong.err,
    /nothing was done: the job is first, and "fist" was given\nhint: --confirm first/,
  );
  const unasked = await cluster.anneal('cancel', 'first', '--delete-data');
  t.is(unasked.code, 2);
  t.regex(unasked.err, /--delete-data asks a question, and there is no terminal to answer it/);
  const both = ['--delete-data', '--confirm', 'first', '--no-wait'];
  t.is((await cluster.anneal('cancel', 'first', ...both)).code, 2);
  t.not(cluster.get('first'), undefined);
  t.is(erasers(cluster).length, 0);
});

test('where the server would not take what removes, the job goes on', async (t) => {
  await using cluster = await aCluster();
  putTrained(cluster, 'Running');
  cluster.server.intercept = ({ verb, path }) =>
    verb === 'POST' && path.endsWith('/jobs')
      ? { status: 403, body: { message: 'jobs.batch is forbidden', reason: 'Forbidden' } }
      : undefined;
  const told = await cluster.anneal('cancel', 'first', '--delete-data', '--confirm', 'first');
  t.is(told.code, 4);
  t.not(cluster.get('first'), undefined);
});

test('a removal that fails is told with where to look', async (t) => {
  await using cluster = await aCluster();
  putTrained(cluster, 'Running');
  const message = 'Job has reached the specified backoff limit';
  runErasers(cluster, { conditions: [{ type: 'Failed', status: 'True', message }] });
  const told = await cluster.anneal('cancel', 'first', '--delete-data', '--confirm', 'first');
  t.is(told.code, 7);
  t.regex(told.err, /first is cancelled, and its data was not removed: Job has reached/);
  t.regex(told.err, /hint: kubectl logs job\/first-erase-\S+ shows why/);
});

test('a job that never started has left nothing', async (t) => {
  await using cluster = await aCluster();
  cluster.put('first', { status: { phase: 'Pending' } });
  const told = await cluster.anneal('cancel', 'first', '--delete-data', '--confirm', 'first');
  t.is(told.out, 'first is gone; it has no data in a volume\n');
});

test('results without a Job that tells how they are mounted are named, and nothing is done', async (t) => {
  await using cluster = await aCluster();
  cluster.put('first', { status: { phase: 'Succeeded', artifacts } });
  const told = await cluster.anneal('cancel', 'first', '--delete-data', '--confirm', 'first');
  t.is(told.code, 7);
  t.regex(told.err, /hint: remove manually: pvc:\/\/notes\/out\/adapter/);
  t.not(cluster.get('first'), undefined);
});
