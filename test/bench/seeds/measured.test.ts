import { readFileSync } from 'node:fs';
import test from 'ava';
import { besideLora, type SeedJob } from './jobs.ts';
import { digestsOf, measuredSeries } from './measured.ts';
import type { Outcome } from './outcome.ts';
import { measuredFile, printMeasured } from './print-measured.ts';

test('what explain tells was measured; `node test/bench/seeds/print-measured.ts` renews it', async (t) => {
  t.is(readFileSync(measuredFile, 'utf8'), await printMeasured());
});

function jobNamed(name: string): SeedJob {
  const job = besideLora.find((one) => one.name === name);
  if (job === undefined) throw new RangeError(`there is no job ${name}`);
  return job;
}

/** A run of today's job; seeds from 1. */
function outcome(name: string, seed: number, after: number | null, own: Partial<Outcome> = {}) {
  const { learningRate } = jobNamed(name);
  const digest = [...digestsOf(jobNamed(name))][seed - 1] ?? '';
  return {
    ...{ name, seed, after, digest, learningRate, method: name },
    ...{ steps: 24, tokens: 100, heldOutTokens: 50, before: 2, skippedSteps: 0, rollbacks: 0 },
    ...{ stepMs: 10, peakBytes: 3 * 2 ** 20, plannedBytes: 2 ** 21, load: 1, endedAt: '' },
    ...{ trained: 1000, ...own },
  } satisfies Outcome;
}

test('of a method are told medians over its seeds, and differences to LoRA with the same seed', (t) => {
  const { methods, heldOutTokens } = measuredSeries([
    ...[1.5, 1.7, 1.4].map((after, index) => outcome('lora', index + 1, after)),
    ...[outcome('eva', 1, 1.75), outcome('eva', 3, 1.45, { peakBytes: 5 * 2 ** 20 })],
  ]);
  t.is(heldOutTokens, 50);
  t.deepEqual(methods['LoRA']?.after, { median: 1.5, least: 1.4, most: 1.7 });
  t.deepEqual(methods['EVA'], {
    ...{ base: 'Dense', learningRate: 6e-4, trained: 1000, seeds: 2, before: 2 },
    after: { median: 1.6, least: 1.45, most: 1.75 },
    besideLora: { median: 0.15, least: 0.05, most: 0.25 },
    ...{ peakMiB: 4, ofPlan: 2, stepOfLora: null, timedSeeds: 0 },
  });
  t.is(methods['PiSSA'], null);
});

test('a run that matches no job of today counts for nothing', (t) => {
  const older = outcome('lora', 1, 1, { digest: 'of another job' });
  const runs = [outcome('lora', 1, 1.5), older, { ...older, name: 'eva' }];
  const { methods } = measuredSeries(runs);
  t.is(methods['LoRA']?.seeds, 1);
  t.is(methods['LoRA']?.after?.least, 1.5);
  t.is(methods['EVA'], null);
});

test('time is that of seeds of which both were counted', (t) => {
  const { methods } = measuredSeries([
    ...[outcome('lora', 1, 1), outcome('lora', 2, 1, { processorMs: 200 })],
    ...[outcome('eva', 1, 1, { processorMs: 90 }), outcome('eva', 2, 1, { processorMs: 300 })],
  ]);
  t.is(methods['EVA']?.stepOfLora, 1.5);
  t.is(methods['EVA']?.timedSeeds, 1);
});

test('a run that ended without a number leaves its method without a loss', (t) => {
  const { methods } = measuredSeries([outcome('lora', 1, 1), outcome('lora', 2, null)]);
  t.is(methods['LoRA']?.after, null);
  t.is(methods['LoRA']?.besideLora, null);
  t.is(methods['LoRA']?.seeds, 2);
});

test('runs that were evaluated on different data are refused', (t) => {
  t.throws(
    () => measuredSeries([outcome('lora', 1, 1), outcome('lora', 2, 1, { heldOutTokens: 9 })]),
    {
      message: 'runs of one series have 50 and 9',
    },
  );
});
