import test from 'ava';
import type { JobBus } from '../../../operator/bus/job-bus.ts';
import { noBus } from '../../../operator/bus/job-bus.ts';
import { fineTuneJobs } from '../../../operator/job/observed/fine-tune-job.ts';
import { ProgressWriter } from '../../../operator/job/progress-writer.ts';
import { KubeClient } from '../../../operator/runtime/client.ts';
import { Store } from '../../../operator/runtime/store.ts';
import { aWrittenJob } from '../../builders/job.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { KubeObjects } from '../../doubles/kube/objects.ts';
import { MemoryTransport } from '../../doubles/simulation/memory-transport.ts';

const never = new AbortController().signal;
const collection = 'apis/anneal.dev/v1alpha1/finetunejobs';

function fixture(count: number) {
  const objects = new KubeObjects();
  const transport = new MemoryTransport(objects);
  const clock = new FakeClock();
  const jobs = new Store<ReturnType<typeof fineTuneJobs.read>, never>({ indexes: {} });
  for (let index = 0; index < count; index++) {
    const metadata = { name: `j${index}`, namespace: 'n' };
    jobs.put(
      fineTuneJobs.read(
        objects.create({ collection, namespace: 'n' }, { ...aWrittenJob(), metadata }),
      ),
    );
  }
  let step = 1;
  let commit: number | undefined;
  const results: string[] = [];
  const told = () => ({
    ...{
      time: 1,
      type: 'step' as const,
      step,
      totalSteps: 100,
      epoch: 0,
      loss: 1,
      targetTokens: 1,
    },
    ...{
      tokens: 1,
      tokensSeen: 1,
      tokensPerSecond: 1,
      gradNorm: 1,
      clipFactor: 1,
      learningRate: 1,
    },
    stepMs: { total: 1, compute: 1, data: 1 },
    memory: { now: 1, peak: 1 },
  });
  const bus: JobBus = {
    ...noBus,
    progress: () => ({ step: told(), evaluation: undefined, stage: undefined }),
    facts: () =>
      commit === undefined
        ? { type: 'Absent' }
        : ({
            type: 'Present',
            state: {
              checkpoint: { step: commit, round: 1, manifest: 'm', digest: 'd', time: 't' },
            },
          } as never),
  };
  const writer = new ProgressWriter({
    ...{ jobs, bus, client: new KubeClient(transport), clock },
    seen: (result) => results.push(result),
  });
  return {
    ...{ objects, transport, clock, writer, results },
    advanceTo: (to: number) => {
      step = to;
    },
    commitAt: (at: number) => {
      commit = at;
    },
    written: () => transport.writes.length,
  };
}

test('a job is written at most every ten seconds, and not when nothing but time passed', async (t) => {
  const { writer, clock, advanceTo, written } = fixture(1);
  await writer.round(never);
  t.is(written(), 1);
  advanceTo(2);
  clock.advance(9_999);
  await writer.round(never);
  t.is(written(), 1);
  clock.advance(1);
  await writer.round(never);
  t.is(written(), 2);
  clock.advance(60_000);
  await writer.round(never);
  t.is(written(), 2, 'the step is the same');
});

test('a checkpoint is written at once', async (t) => {
  const { writer, commitAt, written } = fixture(1);
  await writer.round(never);
  commitAt(1);
  await writer.round(never);
  t.is(written(), 2);
});

test('all jobs together get twenty writes a round, and those that waited longest come first', async (t) => {
  const { writer, clock, written, advanceTo, transport } = fixture(50);
  await writer.round(never);
  t.is(written(), 20);
  await writer.round(never);
  await writer.round(never);
  t.is(written(), 50, 'every job had its turn');
  clock.advance(10_000);
  advanceTo(2);
  await writer.round(never);
  t.is(new Set(transport.writes.slice(0, 50).map(({ path }) => path)).size, 50);
});

test('a write that fails is tried again later, and told', async (t) => {
  const { writer, clock, transport, written, results } = fixture(1);
  transport.outcome = () => 'Busy';
  await writer.round(never);
  await writer.round(never);
  t.deepEqual(results, ['error'], 'a busy server is not asked in every round');
  transport.outcome = () => 'Fine';
  clock.advance(10_000);
  await writer.round(never);
  t.is(written(), 1);
  t.deepEqual(results, ['error', 'success']);
});

test('it owns its fields under a manager of its own, on the status', async (t) => {
  const { writer, transport } = fixture(1);
  await writer.round(never);
  const [write] = transport.writes;
  t.true(write?.path.endsWith('/status'));
  t.is(write?.query?.['fieldManager'], 'anneal-progress');
  t.deepEqual(Object.keys((write!.body as { status: object }).status), ['progress']);
});
