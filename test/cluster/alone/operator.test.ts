// The operator against a real API server, scheduler, Job controller and kubelet, with a toy worker
// in the pods. One operator for all tests of this file, each in a namespace of its own.
import { parseQuantity } from '../../../crds/schema/quantity.ts';
import { eventually } from '../../doubles/eventually.ts';
import { aJobIn, is, messageOf } from '../a-job.ts';
import { installCrd, kubectl } from '../access.ts';
import { test } from '../our-cluster.ts';
import { launchOperator, type RunningOperator } from '../running-operator.ts';
import { loadToyImage } from '../toy-image.ts';

let operator: RunningOperator | undefined;

test.before(async () => {
  await installCrd();
  await loadToyImage();
  await kubectl(['create', 'namespace', 'anneal-test'], { mayFail: true });
  operator = await launchOperator('anneal-test');
});

test.after.always(async () => {
  await operator?.stop();
  await kubectl(['delete', 'namespace', 'anneal-test', '--wait=false'], { mayFail: true });
});

const long = { supervise: { seconds: 900 } };

test('kubectl apply of a job ends Complete, through init, worker and publish pods', async (t) => {
  // Long enough to be seen running, also by a kubelet that shares the machine with a compiler.
  const job = await aJobIn(t, { supervise: { seconds: 25 } });
  await job.apply();
  await job.untilPhase('Succeeded');
  const waiting = ['wait', '--for=condition=Complete', 'ftj/first', '--timeout=60s'];
  const waited = await kubectl(['-n', job.namespace, ...waiting]);
  t.regex(waited.stdout, /condition met/);
  const status = await job.status();
  t.is(status.model?.family, 'Toy');
  t.deepEqual(
    status.artifacts?.map(({ uri }) => uri),
    ['pvc://demo/first'],
  );
  t.true((status.plan?.trainableParameters ?? 0) > 0);
  t.true(parseQuantity(status.plan?.memory?.peak ?? '0') > 0, 'the memory of a worker is planned');
  t.is(status.restarts?.counted, undefined);
  t.deepEqual(await job.names('jobs'), ['first-init-1', 'first-publish-1', 'first-w1']);
  t.deepEqual(await job.names('networkpolicies'), ['anneal.dev.io', 'anneal.dev.worker']);
  await job.until('the events are told', async () => (await job.list('events')).some(isFinished));
  const { stdout } = await kubectl(['-n', job.namespace, 'describe', 'ftj', 'first']);
  // Conditions tell the rest: each event is a write.
  for (const phase of ['Running', 'Finished'])
    t.true(new RegExp(`Normal\\s+${phase}`).test(stdout), phase);
});

const isFinished = ({ reason }: { readonly [key: string]: unknown }) => reason === 'Finished';

test('the termination message of a failed init pod are the failure of the job', async (t) => {
  const failure = {
    code: 'E_INVALID_DATA',
    reason: 'InvalidData',
    message: 'record 3 has no turns',
  };
  const job = await aJobIn(t, { prepare: { exit: 65, words: { failure } } });
  await job.apply();
  await job.untilPhase('Failed');
  const status = await job.status();
  t.is(is(status, 'Failed'), 'True/InvalidData');
  t.like(status.failure, { message: 'record 3 has no turns', exitCode: 65 });
  t.deepEqual(await job.names('jobs'), ['first-init-1'], 'nothing is created after the end');
});

test('a permanent exit code of a worker ends the job', async (t) => {
  const job = await aJobIn(t, { supervise: { exit: 74 } });
  await job.apply();
  await job.untilPhase('Failed');
  t.is(is(await job.status(), 'Failed'), 'True/Diverged');
});

test('a counted exit code is tried again until the budget is spent', async (t) => {
  const one = { 'spec.failurePolicy.maxRestarts': 1 };
  const job = await aJobIn(t, { supervise: { exit: 70 } }, one);
  await job.apply();
  await job.untilPhase('Failed');
  const status = await job.status();
  t.is(is(status, 'Failed'), 'True/RestartBudgetExhausted');
  t.is(status.restarts?.counted, 1, 'the one that was too many was not made');
  t.is(status.failure?.exitCode, 70);
  t.truthy(status.failure?.node);
});

test('suspending removes the workers, and resuming starts the next revision', async (t) => {
  const job = await aJobIn(t, long);
  await job.apply();
  await job.untilPhase('Running');
  await job.patch({ suspend: true });
  await job.untilPhase('Suspended');
  await job.until('the Job is gone', async () => !(await job.names('jobs')).includes('first-w1'));
  await job.patch({ suspend: false });
  await job.untilPhase('Running');
  const status = await job.status();
  t.is(status.workerRevision, 2);
  t.is(status.restarts?.counted, undefined);
  t.true((await job.names('jobs')).includes('first-w2'));
});

test('a worker Job that somebody deletes comes back, and children of a deleted job go', async (t) => {
  const job = await aJobIn(t, long);
  await job.apply();
  await job.untilPhase('Running');
  await kubectl(['-n', job.namespace, 'delete', 'job', 'first-w1']);
  await job.until(
    'the next revision runs',
    (now) => now.workerRevision === 2 && now.phase === 'Running',
  );
  t.is((await job.status()).restarts?.disruptions, 1);
  await kubectl(['-n', job.namespace, 'delete', 'ftj', 'first', '--timeout=60s']);
  const left = async () => {
    const kinds = ['jobs', 'pods', 'networkpolicies'] as const;
    const names = (await Promise.all(kinds.map((kind) => job.names(kind)))).flat();
    // What the namespace shares stays for its next job.
    return names.filter((name) => !name.startsWith('anneal.dev.'));
  };
  const allGone = async () => (await left()).length === 0;
  await eventually('its children are gone', allGone, { withinMs: 120_000, everyMs: 500 });
});

test('a namespace that is deleted while a job runs in it goes', async (t) => {
  const job = await aJobIn(t, long);
  await job.apply();
  await job.untilPhase('Running');
  // Without the operator, its pod would wait for another to take its place for ever.
  await kubectl(['delete', 'namespace', job.namespace, '--wait=false']);
  const gone = async () => {
    const found = await kubectl(['get', 'namespace', job.namespace], { mayFail: true });
    return /not found/.test(found.stderr);
  };
  await eventually('the namespace is gone', gone, { withinMs: 180_000, everyMs: 1_000 });
  t.pass();
});

test('an image that is not there is told, while the job waits for it', async (t) => {
  const job = await aJobIn(t, {}, { 'spec.worker.image': 'localhost/not-there:1' });
  await job.apply();
  await job.until('it says so', (now) => is(now, 'Stalled') === 'True/ImagePullFailed');
  const status = await job.status();
  t.is(status.phase, 'Initializing');
  t.is(is(status, 'Initialized'), 'False/ImagePullFailed');
});

test('a missing Secret is told by name, and stalls the job', async (t) => {
  const hub = { huggingFace: { repository: 'a/b', tokenSecretRef: { name: 'not-there' } } };
  const job = await aJobIn(t, {}, { 'spec.model.source': hub });
  await job.apply();
  await job.until('it says so', (now) => is(now, 'Stalled') === 'True/ReferenceNotFound');
  t.regex(messageOf(await job.status(), 'Stalled'), /secret "not-there" not found/);
});

test('a pod that no node can take is told in the words of the scheduler, whichever it is', async (t) => {
  const nowhere = await aJobIn(t, {}, { 'spec.worker.nodeSelector': { none: 'such' } });
  await nowhere.apply();
  // Pods that prepare go where workers go, and are the first to find no node.
  await nowhere.until('it says so', (now) => is(now, 'Stalled') === 'True/Unschedulable');
  t.regex(messageOf(await nowhere.status(), 'Stalled'), /nodes are available/);
  const large = { requests: { memory: '100Ti' } };
  const tooLarge = await aJobIn(t, {}, { 'spec.worker.resources': large });
  await tooLarge.apply();
  await tooLarge.until('it says so', (now) => is(now, 'PodsReady') === 'False/Unschedulable');
  const status = await tooLarge.status();
  t.regex(messageOf(status, 'PodsReady'), /nodes are available/);
  t.is(status.phase, 'Starting');
});

test('a quota that refuses the worker Job stalls the job until it is gone', async (t) => {
  const job = await aJobIn(t);
  const { namespace } = job;
  const quota = {
    ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q', namespace } },
    spec: { hard: { 'count/jobs.batch': '1' } },
  };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(quota) });
  await job.apply();
  await job.until('it says so', (now) => is(now, 'Stalled') === 'True/QuotaExceeded');
  t.regex(messageOf(await job.status(), 'Stalled'), /exceeded quota: q/);
  await kubectl(['-n', namespace, 'delete', 'resourcequota', 'q']);
  await job.untilPhase('Succeeded');
  t.is(is(await job.status(), 'Stalled'), 'False/Moving');
});

test('kubectl scale is refused for a job of fixed size, in the words of the contract', async (t) => {
  const job = await aJobIn(t, long);
  await job.apply();
  const scale = ['scale', 'ftj/first', '--replicas=2'];
  const refused = await kubectl(['-n', job.namespace, ...scale], { mayFail: true });
  t.regex(
    refused.stderr,
    /can be changed only while the job is suspended, or with elasticity Live/,
  );
});
