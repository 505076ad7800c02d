// Of held-out records a run says what the model makes of them, before and after.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { decodeImage } from '../../../worker/data/images/decode.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { aToyRun } from '../../builders/toy-run.ts';
import { float32 } from '../../methods/axis-values.ts';

test.before(() => setThreads(1));

const training = {
  ...{ maxSteps: 20, globalBatchSize: 6, learningRate: '5e-3' },
  evaluation: { intervalSteps: 10 },
};
const pictures = { ...training, microBatchSize: 3 };
const jobs = {
  bert: { training, shown: /^(few|some|many) of \d+ owls( indeed)* \(\1\)$/ },
  vit: { training: pictures, shown: /^held-out picture [123] \((few|some|many)\)$/ },
  clip: { training: pictures, shown: /^held-out picture [123] \((few|some|many)\)$/ },
} as const;

for (const [family, { training: how, shown }] of Object.entries(jobs)) {
  test(`${family}: the class of records that were held out, and the one that is found`, async (t) => {
    const run = await aToyRun(t, {
      ...{ name: 'shown', family: family as keyof typeof jobs, training: how },
      method: { preset: 'Full', precision: float32 },
      dataset: { heldOut: { samples: 3 } },
    });
    const { samples, evaluation } = await run.all();
    t.is(samples.length, 3);
    for (const { prompt, before, after } of samples) {
      t.regex(prompt, shown);
      t.regex(`${before} ${after}`, /^(few|some|many) (few|some|many)$/);
    }
    // All that were held out: their share is the accuracy.
    for (const [at, point] of [
      ['before', evaluation.before],
      ['after', evaluation.after],
    ] as const) {
      const right = samples.filter((one) => one.prompt.endsWith(`(${one[at]})`)).length;
      t.is(point?.accuracy, right / 3);
    }
    const told = run.ofType('sample').filter(({ step }) => step === 20);
    t.deepEqual(
      told.map(({ prompt, text }) => [prompt, text]),
      samples.map(({ prompt, after }) => [prompt, after]),
    );
  });
}

test('what was said and what is written of it', async (t) => {
  const run = await aToyRun(t, {
    ...{ name: 'shown', family: 'whisper' },
    method: { preset: 'Full', precision: float32 },
    training: { ...training, microBatchSize: 3 },
    dataset: { heldOut: { samples: 4 } },
  });
  const { samples } = await run.all();
  t.is(samples.length, 3);
  for (const { prompt, before, after } of samples) {
    t.regex(prompt, /^(low|middle|high) tone( again)*$/);
    t.not(before, undefined);
    t.not(after, undefined);
  }
});

test('what is made of noise, before and after', async (t) => {
  const run = await aToyRun(t, {
    ...{ name: 'shown', family: 'dit', training: { maxSteps: 2, microBatchSize: 3 } },
    method: { preset: 'Full', precision: float32 },
  });
  const { pictures = '' } = await run.all();
  const files = await readdir(pictures);
  t.deepEqual(files.sort(), ['1.png', '2.png', '3.png'], 'one of each class');
  const { width, height, channels, pixels } = decodeImage(await readFile(join(pictures, '1.png')));
  t.deepEqual([width, height, channels], [3 * 8 + 2 * 4, 8, 3]);
  const columns = (from: number) =>
    Array.from({ length: 64 }, (_, i) => pixels[3 * ((i >> 3) * width + from + (i % 8))]);
  const [noise, before, after] = [0, 12, 24].map(columns);
  t.notDeepEqual(noise, before);
  t.notDeepEqual(before, after, 'two steps change it');
});
