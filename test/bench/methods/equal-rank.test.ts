import test from 'ava';
import { fineTuneJob } from '../../../crds/api/job.ts';
import { resolveMethod } from '../../../crds/index.ts';
import { adapterEntries } from '../../../crds/methods/adapter-traits.ts';
import { documentOf } from '../run-job.ts';
import { equalRankTable, jobsOfRank } from './equal-rank.ts';

const round = (times: Readonly<Record<string, number>>) =>
  Object.fromEntries(
    Object.entries(times).map(([name, processorMs]) => [name, { wallMs: 1, processorMs }]),
  );

test('each step is compared with that of LoRA in its round, the first round apart', (t) => {
  const rounds = [
    round({ lora: 1, slora: 9 }),
    round({ lora: 100, slora: 104 }),
    round({ lora: 200, slora: 220 }),
    round({ lora: 400, slora: 420 }),
  ];
  const [lora, slora] = equalRankTable({ rounds }).split('\n').slice(2);
  t.is(lora, '| lora | 200 |  |  |');
  t.is(slora, '| slora | 220 | 1.05 (1.04 to 1.10) | met |');
});

test('what takes longer than is wanted has missed it', (t) => {
  const rounds = [round({}), round({ lora: 100, slora: 111 })];
  t.regex(equalRankTable({ rounds }), /1\.11 .* \| \*\*missed\*\* \|/);
});

test('all of its jobs are valid, of one rank, and LoRA is among them', (t) => {
  const jobs = jobsOfRank(16, 4);
  t.true(jobs.some(({ name }) => name === 'lora'));
  for (const job of jobs) {
    const { spec } = fineTuneJob.parse(documentOf({ ...job, steps: 2 }));
    const { adapter } = resolveMethod(spec.method);
    const entry = adapterEntries.find(({ type }) => type === adapter.type);
    const own = Object.entries(adapter).find(([member]) => member === entry?.member)?.[1];
    t.like(own, { rank: 16, targetModules: ['AllLinear'] }, job.name);
    t.is(spec.training.globalBatchSize, 4);
  }
});
