import test from 'ava';
import { type JobQuestion, planJob } from '../../../crds/plan/job-plan.ts';
import { llama8b, smol135 } from '../../builders/facts.ts';
import { aSpec, type Changes } from '../../builders/job.ts';

const gib = 2 ** 30;

function ask(changes: Changes = {}, rest: Partial<JobQuestion> = {}) {
  return planJob({
    spec: aSpec(changes),
    facts: smol135,
    device: { type: 'cpu', bytes: 16 * gib },
    ranks: 1,
    shards: 1,
    ...rest,
  });
}

const packed = { 'dataset.packing': 'Packed', 'training.globalBatchSize': 4 };

test('steps are unknown until the data is, unless the job counts steps itself', (t) => {
  t.is(ask().totalSteps, undefined);
  t.is(ask({ 'training.epochs': undefined, 'training.maxSteps': 9 }).totalSteps, 9);
  const data = { sequences: 640, targetShare: 0.5, longest: 1024, meanLength: 300 };
  t.is(ask({}, { data }).totalSteps, 20);
});

test('data that is shorter than the job allows needs less memory', (t) => {
  const data = { sequences: 100, targetShare: 1, longest: 100, meanLength: 50 };
  t.is(ask(packed, { data }).tokensPerStep, 400);
  t.true(ask(packed, { data }).memory.peak < ask(packed).memory.peak);
});

test('a device is asked to compute what is its share of the batch', (t) => {
  const { batch } = ask(packed, { ranks: 2 });
  t.like(batch, { sequences: 4, perRank: 2, microBatchSize: 1, microBatches: 2, waves: 1 });
});

test('several sequences at once need more memory and fewer passes', (t) => {
  const one = ask(packed);
  const two = ask({ ...packed, 'training.microBatchSize': 2 });
  t.like(two.batch, { sequences: 4, microBatchSize: 2, microBatches: 2 });
  t.is(two.tokensPerStep, one.tokensPerStep);
  const lean = { ...packed, 'parallelism.activationRecomputation': 'Full' };
  t.true(
    ask({ ...lean, 'training.microBatchSize': 4 }).memory.peak > ask(lean).memory.peak,
    'less is kept, more is computed at once',
  );
});

test('what does not fit says so, with the plan that comes closest', (t) => {
  const { memory } = ask(packed, { facts: llama8b, device: { type: 'cpu', bytes: 4 * gib } });
  t.false(memory.fits);
  t.true(memory.peak > 16 * gib);
});

test('the same question always has the same answer', (t) => {
  t.deepEqual(ask(packed), ask(packed));
});
