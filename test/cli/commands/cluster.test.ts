// Commands for jobs of a cluster, before a small API server. What a real one says to them is tested
// in test/cluster.
import { rm } from 'node:fs/promises';
import test from 'ava';
import { aWrittenJob } from '../../builders/job.ts';
import { holds } from '../../builders/listed-job.ts';
import { aCluster } from '../cluster.ts';

const running = {
  phase: 'Running',
  progress: { step: 118, totalSteps: 300, trainLoss: '1.912', tokensPerSecond: '41230' },
  workers: { summary: '4/4' },
  restarts: { counted: 1 },
};
const failure = {
  ...{ code: 'E_DIVERGED', reason: 'Diverged', step: 40 },
  message: 'the loss was not finite in 6 steps in a row',
};

test('list shows the jobs of the namespace of the context, of another, and of all', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  cluster.put('other', { namespace: 'team-b', status: { phase: 'Failed', failure } });
  const { out } = await cluster.anneal('list');
  t.regex(out, /^NAME +PHASE +STEP +LOSS +TOK\/S +WORKERS +RESTARTS +METHOD +AGE +WHY\n/);
  t.regex(out, /\nhalo +● Running +118\/300 +1\.912 +41\.2k +4\/4 +1 +lora +/);
  t.is((await cluster.anneal('list', '-n', 'team-b', '-o', 'name')).out, 'team-b/other\n');
  const all = (await cluster.anneal('list', '-A')).out;
  t.regex(all, /\nteam-b +other +✗ Failed +.* Diverged\n/);
});

test('one job that cannot be read is a row with what is wrong; the others and itself can be looked at and stopped', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  cluster.put('qwen2.5-lora', { status: { phase: 'Initializing' } });
  cluster.put('odd', { spec: { worker: { labels: { 'a b': 'x' } } } });
  const listed = await cluster.anneal('list');
  t.is(listed.code, 0);
  t.regex(listed.out, /\nhalo +● Running/);
  t.regex(listed.out, /\nqwen2\.5-lora +. Initializing/);
  t.regex(listed.out, /\nodd +. Pending, unreadable .* NotReadable\n/);
  t.regex(listed.err, /^note: of odd, spec\.worker\.labels\["a b"\] is a key that is not allowed/);
  for (const name of ['halo', 'odd', 'qwen2.5-lora']) {
    for (const verb of ['why', 'get', 'describe', 'logs', 'checkpoints']) {
      const { code, err } = await cluster.anneal(verb, name);
      t.is(code, 0, `${verb} ${name}: ${err}`);
    }
  }
  t.regex((await cluster.anneal('why', 'odd')).out, /kubectl edit finetunejob odd/);
  t.regex((await cluster.anneal('get', 'odd')).out, /a b: x/);
  // A rule of the server that the stored object breaks refuses every change; deleting it is no
  // change.
  cluster.server.intercept = ({ verb }) =>
    verb === 'PATCH' ? { status: 422, body: { message: 'spec.worker.labels: no' } } : undefined;
  const cancelled = await cluster.anneal('cancel', 'odd', '--no-wait');
  t.is(cancelled.code, 0, cancelled.err);
  t.is(cancelled.out, 'odd will be cancelled; checkpoints and results stay\n');
  t.regex(cancelled.err, /odd is deleted without the change, which the cluster refuses: /);
  t.is(cluster.get('odd'), undefined);
  t.is((await cluster.anneal('cancel', 'halo', '--no-wait')).code, 2);
});

test('where nobody may hear the workers, the right that is missing is told once, and what the status knows', async (t) => {
  await using cluster = await aCluster();
  for (const name of ['halo', 'lora']) cluster.put(name, { status: running });
  cluster.server.intercept = ({ path }) =>
    path.includes('/anneal-system/')
      ? { status: 403, body: { message: 'pods is forbidden: User "me" cannot list them' } }
      : undefined;
  const right = /live numbers need the right to get pod anneal-nats-0 in anneal-system/g;
  const compared = await cluster.anneal('compare', 'halo', 'lora');
  t.is(compared.err.match(right)?.length, 1, compared.err);
  t.regex(compared.out, /as each status ends[\s\S]*train loss +1\.912 +1\.912/);
  const measured = await cluster.anneal('metrics', 'halo');
  t.regex(measured.err, right);
  t.regex(measured.err, /the status says: step 118 of 300, loss 1\.912, 41230 tokens\/s\n/);
  const watched = await cluster.anneal('watch', 'halo', '--until', 'step=100');
  t.is(watched.code, 0, watched.err);
});

test('submit creates, tells what comes next, and applies the same file again without a change', async (t) => {
  await using cluster = await aCluster();
  const file = await cluster.write('job.yaml', JSON.stringify(aWrittenJob()));
  const first = await cluster.anneal('submit', file);
  t.is(first.code, 0);
  t.is(
    first.out,
    [
      'plan    model · LoRA r=16 on all linear layers, AdamW, bfloat16 · 1 worker × processor',
      'memory  unknown: the model is not on this machine; the cluster checks before training',
      'created first in team-a\n',
    ].join('\n'),
  );
  t.regex(
    first.err,
    /^next {4}anneal watch first {3}anneal logs -f first {3}anneal cancel first\n$/,
  );
  const asked = cluster.server.seen.at(-1);
  t.is(asked?.query.get('fieldManager'), 'anneal-cli');
  t.is(asked?.query.get('fieldValidation'), 'Strict');
  t.is(asked?.query.get('force'), 'false');
  // What the file does not say is left to the server.
  t.deepEqual(asked?.body?.['spec'], aWrittenJob()['spec'] as object);
  t.is((await cluster.anneal('submit', file, '-o', 'name')).out, 'team-a/first\n');
});

test('--set, --name and --label change what is submitted, and mistakes in them are told', async (t) => {
  await using cluster = await aCluster();
  const file = await cluster.write('job.yaml', JSON.stringify(aWrittenJob()));
  const words = ['--set', 'training.learningRate=4e-4', '--name', 'second', '--label', 'a=b'];
  t.is((await cluster.anneal('submit', file, ...words)).code, 0);
  t.like(cluster.get('second'), {
    metadata: { labels: { a: 'b' } },
    spec: { training: { learningRate: '4e-4' } },
  });
  const wrong = await cluster.anneal('submit', file, '--set', 'training.learningRat=1');
  t.is(wrong.code, 2);
  t.regex(wrong.err, /hint: did you mean learningRate\?/);
});

test('a dry run sends nothing, or asks the server to keep nothing', async (t) => {
  await using cluster = await aCluster();
  const file = await cluster.write('job.yaml', JSON.stringify(aWrittenJob()));
  const here = await cluster.anneal('submit', file, '--dry-run', 'client');
  t.regex(here.out, /\nvalid {3}first in team-a \(dry run by the client\)\n/);
  t.is(cluster.server.seen.length, 0);
  await cluster.anneal('submit', file, '--dry-run', 'server');
  t.is(cluster.server.seen.at(-1)?.query.get('dryRun'), 'All');
});

test('a dry run by the client needs no cluster; one that is named must be there', async (t) => {
  await using cluster = await aCluster();
  const file = await cluster.write('job.yaml', JSON.stringify(aWrittenJob()));
  const words = ['submit', file, '--dry-run', 'client'];
  await rm(cluster.kubeconfig);
  const { code, out, err } = await cluster.anneal(...words);
  t.is(code, 0, err);
  t.regex(out, /\nvalid {3}first in default \(dry run by the client\)\n/);
  t.regex((await cluster.anneal(...words, '-n', 'team-c')).out, /first in team-c/);
  t.is((await cluster.anneal(...words, '--context', 'staging')).code, 3);
});

test('what the server refuses is told at its place in the file', async (t) => {
  await using cluster = await aCluster();
  const file = await cluster.write('job.yaml', JSON.stringify(aWrittenJob(), null, 2));
  const cause = {
    field: 'spec.training.epochs',
    message: 'Invalid value: "object": spec.training.epochs is never, once the job exists',
  };
  cluster.server.intercept = ({ verb }) =>
    verb === 'PATCH'
      ? {
          status: 422,
          body: { kind: 'Status', reason: 'Invalid', message: 'no', details: { causes: [cause] } },
        }
      : undefined;
  const { code, err } = await cluster.anneal('submit', file);
  t.is(code, 2);
  t.regex(
    err,
    /job\.yaml:\d+:\d+ +spec\.training\.epochs: spec\.training\.epochs is never, once the job exists/,
  );
});

test('pause and resume wait for the operator and say from which step', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  // The operator of this test: does what is asked at the next look.
  cluster.server.intercept = ({ verb, path }) => {
    if (verb !== 'GET' || !path.endsWith('/halo')) return undefined;
    const suspend = (cluster.get('halo')!['spec'] as { suspend?: boolean }).suspend === true;
    const phase = suspend ? 'Suspended' : 'Running';
    const status = { ...running, phase, checkpoint: { latestStep: 110 } };
    cluster.put('halo', { spec: { suspend }, status });
    return undefined;
  };
  const paused = await cluster.anneal('pause', 'halo');
  t.is(paused.out, 'halo is paused; step 110 is saved\n');
  t.is(paused.err, 'next: anneal resume halo\n');
  t.is((await cluster.anneal('pause', 'halo')).out, 'halo is paused already (Suspended)\n');
  const resumed = await cluster.anneal('resume', 'halo');
  t.is(resumed.out, 'halo resumes from step 110 (Running)\n');
});

test('checkpoint asks for a save by an annotation and waits until the operator says that it is done', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  let wish = '';
  cluster.server.intercept = ({ verb, path }) => {
    const { annotations } = cluster.get('halo')!['metadata'] as {
      annotations?: Record<string, string>;
    };
    wish = annotations?.['anneal.dev/save'] ?? '';
    if (verb === 'GET' && path.endsWith('/halo') && wish !== '') {
      const save = { asked: wish, epoch: 1, count: 1, done: wish, step: 117 };
      cluster.put('halo', { status: { ...running, save } });
    }
    return undefined;
  };
  const { code, out, err } = await cluster.anneal('checkpoint', 'halo');
  t.is(out, 'halo is saved at step 117; training continues\n');
  t.is(err, 'next: anneal checkpoints halo\n');
  t.is(code, 0);
  t.regex(wish, /^\d{4}-\d\d-\d\dT/);
  const before = wish;
  t.is(
    (await cluster.anneal('checkpoint', 'halo', '--no-wait')).out,
    'halo will be saved; training continues\n',
  );
  await cluster.anneal('checkpoint', 'halo');
  t.not(wish, before);
});

test('checkpoint of a job that nobody can tell, that is paused, and that has ended', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  cluster.server.intercept = () => {
    const { annotations } = cluster.get('halo')!['metadata'] as {
      annotations?: Record<string, string>;
    };
    const asked = annotations?.['anneal.dev/save'];
    if (asked !== undefined) cluster.put('halo', { status: { ...running, save: { asked } } });
    return undefined;
  };
  const alone = await cluster.anneal('checkpoint', 'halo');
  t.is(alone.code, 5);
  t.is(
    alone.err,
    'halo cannot be saved now: its operator has no bus to reach the workers\nhint: anneal pause halo saves and stops it\n',
  );
  const status = { phase: 'Suspended', checkpoint: { latestStep: 110 } };
  cluster.put('paused', { spec: { suspend: true }, status });
  t.is(
    (await cluster.anneal('checkpoint', 'paused')).out,
    'paused is paused and does not train; step 110 is saved\n',
  );
  cluster.put('done', { status: { phase: 'Succeeded' } });
  const done = await cluster.anneal('checkpoint', 'done');
  t.is(done.code, 2);
  t.regex(done.err, /^done cannot be saved: it has ended \(Succeeded\)\n/);
});

test('a pause that takes longer than --timeout ends with 6 and says where the job stands', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  const { code, err } = await cluster.anneal('pause', 'halo', '--timeout', '1');
  t.is(code, 6);
  t.regex(err, /halo is Running after 1 s; the command waited until it is paused\nhint: /);
});

test('cancel saves and removes; a job that ended is only deleted by delete', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  cluster.put('done', { status: { phase: 'Succeeded' } });
  t.is(
    (await cluster.anneal('cancel', 'halo')).out,
    'halo was cancelled after a save; checkpoints and results stay\n',
  );
  t.is(cluster.get('halo'), undefined);
  t.regex(
    (await cluster.anneal('cancel', 'done')).out,
    /^done has ended already \(Succeeded\); anneal delete done removes/,
  );
  t.is(
    (await cluster.anneal('delete', 'done')).out,
    'done is deleted; checkpoints and results stay\n',
  );
});

test('delete refuses a job that goes on, and nothing is done to runs of this machine', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  const refused = await cluster.anneal('delete', 'halo');
  t.is(refused.code, 2);
  t.is(
    refused.err,
    'halo has not ended (Running); only an ended job can be deleted\nhint: anneal cancel halo saves, stops and removes it\n',
  );
});

test('scale asks through the scale subresource', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  t.is((await cluster.anneal('scale', 'halo', '8')).out, 'halo is scaled from 1 to 8 workers\n');
  const asked = cluster.server.seen.at(-1);
  t.true(asked?.path.endsWith('/finetunejobs/halo/scale'));
  t.deepEqual(asked?.body, { spec: { replicas: 8 } });
});

test('watch tells each change as a line, ends with the job and exits with its code', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  const opened = cluster.server.nextWatch();
  const watching = cluster.anneal('watch', 'halo', '--display', 'plain');
  await opened;
  const conditions = [holds('Failed', 'Diverged', failure.message)];
  cluster.put('halo', { status: { phase: 'Failed', failure, conditions } });
  const { code, out, err } = await watching;
  t.is(code, 10);
  t.regex(out, /^[\d:]{8} halo Running\n/);
  t.regex(out, /halo Failed \(Diverged\): the loss was not finite in 6 steps in a row\n/);
  t.regex(out, /✗ halo failed\n/);
  t.regex(err, /halo failed: the loss was not finite in 6 steps in a row\nhint: anneal why halo/);
});

test('watch of a job that is deleted exits with 11, and as JSON every line is an object', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  const opened = cluster.server.nextWatch();
  const watching = cluster.anneal('watch', 'halo', '--display', 'json');
  await opened;
  const uid = (cluster.get('halo')!['metadata'] as { uid: string }).uid;
  cluster.server.objects.delete(
    { collection: 'apis/anneal.dev/v1alpha1/finetunejobs', namespace: 'team-a', name: 'halo' },
    uid,
  );
  const { code, out } = await watching;
  t.is(code, 11);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.like(lines[0], { job: 'team-a/halo', type: 'phase', phase: 'Running' });
  t.like(lines.at(-1), { type: 'deleted' });
});

test('a cut watch is told, lists again and goes on', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  const opened = cluster.server.nextWatch();
  const watching = cluster.anneal('watch', 'halo', '--display', 'plain');
  await opened;
  const again = cluster.server.nextWatch();
  cluster.server.cutWatches();
  cluster.put('halo', { status: { ...running, phase: 'Restarting' } });
  await again;
  cluster.put('halo', { status: { ...running, phase: 'Succeeded' } });
  const { code, out } = await watching;
  t.is(code, 0);
  t.regex(out, /halo stale: the API server at SERVER does not answer/);
  t.regex(out, /✓ halo succeeded/);
});

test('watch --until leaves at a phase', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  const { code } = await cluster.anneal(
    'watch',
    'halo',
    '--until',
    'running',
    '--display',
    'quiet',
  );
  t.is(code, 0);
});

test('describe tells events of the cluster, and that nobody hears the workers', async (t) => {
  await using cluster = await aCluster();
  cluster.put('halo', { status: running });
  const event = {
    metadata: { name: 'e' },
    ...{ reason: 'Restarted', note: 'rank 2 left', eventTime: '2026-01-01T00:00:00Z' },
  };
  cluster.server.objects.create(
    { collection: 'apis/events.k8s.io/v1/events', namespace: 'team-a' },
    event,
  );
  const { code, out, err } = await cluster.anneal('describe', 'halo');
  t.is(code, 0);
  t.regex(out, /event +[\d:]{8} Restarted: rank 2 left/);
  t.regex(err, /; what the workers said is not shown\n$/);
});

const refusals: readonly (readonly [status: number, code: number, said: RegExp])[] = [
  [401, 4, /^the cluster does not know who you are \(Unauthorized\)\nhint: log in again/],
  [403, 4, /^no\nhint: ask for a role in that namespace/],
  [404, 3, /^no\n/],
  [500, 5, /^no\n/],
];

for (const [status, code, said] of refusals) {
  test(`an answer of ${status} ends with exit code ${code} and the words of the server`, async (t) => {
    await using cluster = await aCluster();
    cluster.server.intercept = () => ({
      status,
      body: { kind: 'Status', reason: 'Told', message: 'no' },
    });
    const told = await cluster.anneal('list');
    t.is(told.code, code);
    t.regex(told.err, said);
  });
}

test('a cluster that does not answer, a context and a file that are not there', async (t) => {
  await using cluster = await aCluster();
  const context = await cluster.anneal('list', '--context', 'staging');
  t.is(context.code, 3);
  t.is(context.err, 'the kubeconfig has no context "staging"\nhint: there are prod\n');
  const file = await cluster.anneal('list', '--kubeconfig', 'no-such-file');
  t.is(file.code, 3);
  t.regex(file.err, /^no-such-file does not exist\nhint: /);
  const answer = cluster.server.intercept;
  cluster.server.intercept = () => ({ type: 'Lost' });
  const lost = await cluster.anneal('list');
  cluster.server.intercept = answer;
  t.is(lost.code, 5);
  t.regex(lost.err, /^the API server at SERVER does not answer: .*\nhint: anneal doctor/);
});

test('runs of this machine are meant by --local also where a cluster is known', async (t) => {
  await using cluster = await aCluster();
  const { err } = await cluster.anneal('list', '--local');
  t.regex(err, /^there are no jobs on this machine\n/);
  t.is(cluster.server.seen.length, 0);
});
