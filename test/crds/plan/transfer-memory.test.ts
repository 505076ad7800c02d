import test from 'ava';
import { transferSpec } from '../../../crds/api/transfer.ts';
import { planJob } from '../../../crds/plan/job-plan.ts';
import type { DecoderFacts } from '../../../crds/plan/model-facts.ts';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { planTransfer } from '../../../crds/plan/transfer-memory.ts';

const facts: DecoderFacts = {
  kind: 'decoder',
  ...{ V: 32_000, H: 512, L: 8, NH: 8, NK: 8, D: 64, I: 1376 },
  ...{ tied: true, fused: false, qkNorm: false, sandwichNorms: false },
  bias: { qkv: false, o: false, mlp: false },
};
const larger: DecoderFacts = { ...facts, L: 40 };
const local = (path: string) => ({ local: { path } });

function spec(changes: Readonly<Record<string, unknown>> = {}) {
  return transferSpec.parse({
    from: { model: { source: local('old') }, adapter: local('adapter') },
    ...{ generation: { maxTokens: 16 }, answerTokens: 16 },
    job: {
      model: { source: local('new') },
      dataset: { train: local('kit'), sequenceLength: 64 },
      method: { preset: 'LoRA', precision: { type: 'Float32' } },
      training: { maxSteps: 1, globalBatchSize: 1, learningRate: '1e-3' },
      output: { destination: local('out') },
    },
    ...changes,
  });
}

function plan(
  changes: Readonly<Record<string, unknown>> = {},
  { from = facts, to = facts, stored = 0, bytes = 2 ** 40, type = 'cpu' as 'cpu' | 'cuda' } = {},
) {
  return planTransfer({
    ...{ spec: spec(changes), adapterBytes: 0, seedCharacters: 90, together: 16 },
    from: { facts: from, storedBfloat16: stored },
    to: { facts: to, storedBfloat16: stored },
    device: { type, bytes },
  });
}

const peaks = (planned: ReturnType<typeof plan>) =>
  Object.fromEntries(planned.stages.map(({ stage, peak }) => [stage, peak]));

test('records are made beside both bases, and each adds its weights in its type', (t) => {
  const bytesOf = (one: DecoderFacts, width: number) => width * parametersOf(one).total;
  const [small, large] = [plan(), plan({}, { from: larger })].map(peaks);
  const more = bytesOf(larger, 4) - bytesOf(facts, 4);
  const grown = (large?.['Synthesize'] ?? 0) - (small?.['Synthesize'] ?? 0);
  // Of 16 answers of 96 tokens with their prompts, in 32 blocks more.
  const pairs = 32 * 4 * 2 * 16 * 96 * facts.NK * facts.D;
  t.true(Math.abs(grown / (more + pairs) - 1) < 1e-3, `${grown} of ${more + pairs}`);
  t.is(large?.['Job'], small?.['Job'], 'the job does not see the old base');
  t.is(large?.['Compare'], small?.['Compare']);
  const halves = peaks(plan({}, { stored: parametersOf(facts).total }));
  t.true((halves['Synthesize'] ?? 0) < (small?.['Synthesize'] ?? 0));
});

test('the old base is in the comparison where there are tests', (t) => {
  const tested = { gate: { minRelative: '0.5', tests: local('tests.jsonl') } };
  const without = peaks(plan({}, { from: larger }))['Compare'] ?? 0;
  t.true((peaks(plan(tested, { from: larger }))['Compare'] ?? 0) > 1.5 * without);
});

test('the job is planned as any other, with held-out prompts, and the largest stage decides', (t) => {
  const device = { type: 'cpu', bytes: 2 ** 40 } as const;
  const { job } = spec();
  const alone = { spec: job, facts: larger, device, ranks: 1, shards: 1 } as const;
  const dataset = { ...job.dataset, eval: local('any') };
  const found = plan({}, { to: larger });
  t.is(peaks(found)['Job'], planJob({ ...alone, spec: { ...job, dataset } }).memory.peak);
  t.is(found.largest.peak, Math.max(...Object.values(peaks(found))));
  t.true(found.fits);
  const tight = plan({}, { to: larger, bytes: found.largest.peak - 1 });
  t.false(tight.fits);
  t.is(tight.limit, found.largest.peak - 1);
});

test('longer texts need more, and a device has the bases in 16 bits', (t) => {
  const longer = peaks(plan({ answerTokens: 2048 }));
  t.true((longer['Synthesize'] ?? 0) > (peaks(plan())['Synthesize'] ?? 0));
  const [host, device] = (['cpu', 'cuda'] as const).map((type) =>
    plan({}, { type, from: larger, to: larger }),
  );
  const weights = 2 * 2 * parametersOf(larger).total;
  const apart = (peaks(host!)['Synthesize'] ?? 0) - (peaks(device!)['Synthesize'] ?? 0);
  t.true(apart > 0.2 * weights, `${apart}`);
});
