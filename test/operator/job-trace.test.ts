// Jobs of the real reconciler on an API server in memory, and the spans that follow from what it
// writes.
import test from 'ava';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import { traceOfJob } from '../../crds/trace/context.ts';
import type { Span } from '../../crds/trace/span.ts';
import { JobTraces } from '../../operator/job-trace.ts';
import { labelsOf } from '../doubles/simulation/job-controller.ts';
import { World } from '../doubles/simulation/world.ts';

const all = { 'worker.devicesPerWorker': 0, 'observability.traceSampling': 'All' };

function aWorld(changes = {}, leaders = 1) {
  const world = new World({ bus: true, leaders });
  world.apply({ ...all, ...changes });
  world.script = (pod) =>
    labelsOf(pod)['anneal.dev/component'] === 'worker' ? undefined : { exit: 0 };
  return world;
}

/** Follows the world as the process of an operator does. */
function follow(world: World): Span[] {
  const spans: Span[] = [];
  let id = 0;
  const traces = new JobTraces(
    (span) => spans.push(span),
    () => `span-${id++}`,
  );
  world.seen = (change) => traces.changed(change, world.time);
  return spans;
}

const names = (spans: readonly Span[]) => spans.map(({ name }) => name);
const workersEnd = (world: World, exit: number) => {
  world.script = () => ({ exit });
};

test('from its creation to its end a job is one trace without a gap', async (t) => {
  const world = aWorld();
  const spans = follow(world);
  await world.settle(12);
  t.is(world.phase, 'Running');
  const early = names(spans);
  t.deepEqual(early, ['validate', 'prepare', 'create workers', 'wait for pods']);
  t.false(early.includes('FineTuneJob'), 'it has not ended');
  workersEnd(world, 0);
  await world.settle(40);
  t.is(world.phase, 'Succeeded');
  const { metadata } = world.observed!;
  const { job } = traceOfJob(metadata.uid, undefined);
  const root = spans.at(-1);
  t.is(root?.name, 'FineTuneJob');
  t.is(root?.spanId, job.spanId);
  t.is(root?.startMs, Date.parse(metadata.creationTimestamp));
  t.is(root?.attributes['anneal.job'], 'first');
  t.is(root?.error, undefined);
  t.true(names(spans).includes('train') && names(spans).includes('publish'));
  let at = root?.startMs;
  for (const span of spans.slice(0, -1)) {
    t.is(span.traceId, job.traceId);
    t.is(span.parentId, job.spanId);
    t.is(span.startMs, at!, `${span.name} begins where the one before ended`);
    at = span.endMs;
  }
  t.is(at, root?.endMs);
});

test('pods that are ready rendezvous, and again after a loss', (t) => {
  const world = aWorld();
  const spans = follow(world);
  const job = world.observed!;
  const ready = conditionOf('PodsReady');
  let before: FineTuneJobStatus = {};
  const steps: readonly FineTuneJobStatus[] = [
    { phase: 'Starting' },
    { phase: 'Starting', jobRef: { name: 'j', uid: 'u' } },
    { phase: 'Starting', jobRef: { name: 'j', uid: 'u' }, conditions: [ready] },
    { phase: 'Running', rendezvous: { round: 1 } },
    { phase: 'Restarting', rendezvous: { round: 2 } },
    { phase: 'Running', rendezvous: { round: 2 } },
  ];
  for (const after of steps) {
    world.time += 1_000;
    world.seen({ uid: job.metadata.uid, job, before, after });
    before = after;
  }
  t.deepEqual(names(spans), [
    ...['validate', 'create workers', 'wait for pods', 'rendezvous', 'train', 'restart'],
  ]);
  for (const { startMs, endMs } of spans.slice(1)) t.is(endMs - startMs, 1_000);
  t.is(spans.at(-1)?.attributes['anneal.round'], 2);
});

function conditionOf(type: string) {
  const lastTransitionTime = '2026-01-01T12:00:00Z';
  return { type, status: 'True', reason: 'Ready', message: '', lastTransitionTime } as const;
}

test('of jobs that are to be traced only when they fail, one that ends well leaves nothing', async (t) => {
  const world = aWorld({ 'observability.traceSampling': 'Errors' });
  const spans = follow(world);
  workersEnd(world, 0);
  await world.settle(40);
  t.is(world.phase, 'Succeeded');
  t.deepEqual(spans, []);
});

test('one that fails tells where, with its reason', async (t) => {
  const world = aWorld({ 'observability.traceSampling': 'Errors' });
  const spans = follow(world);
  // A mistake of the user: it is not tried again.
  workersEnd(world, 64);
  await world.settle(60);
  t.is(world.phase, 'Failed');
  const [stage, root] = spans.slice(-2);
  t.is(root?.name, 'FineTuneJob');
  t.regex(root?.error ?? '', /\(E_\w+\)$/);
  t.is(stage?.error, root?.error);
  t.is(names(spans)[0], 'validate');
});

test('None is none, and what ended before a leader came is not told again', async (t) => {
  const quiet = aWorld({ 'observability.traceSampling': 'None' });
  const none = follow(quiet);
  workersEnd(quiet, 0);
  await quiet.settle(40);
  t.deepEqual(none, []);
  const world = aWorld();
  workersEnd(world, 0);
  await world.settle(40);
  world.restart();
  const spans = follow(world);
  await world.settle(3);
  t.deepEqual(spans, []);
});

test('a new leader goes on with the stage that it finds, from what stands in the status', async (t) => {
  const world = aWorld();
  await world.settle(12);
  t.is(world.phase, 'Running');
  const since = world.observed?.status.conditions?.find(({ type }) => type === 'Running');
  world.restart();
  const spans = follow(world);
  workersEnd(world, 0);
  await world.settle(40);
  t.deepEqual(names(spans), ['train', 'publish', 'FineTuneJob']);
  t.is(spans[0]?.startMs, Date.parse(since?.lastTransitionTime ?? ''));
});
