import test from 'ava';
import { measuredLines, measuredWords } from '../../../../cli/commands/explain/measured-text.ts';
import { type Measured, measuredLora } from '../../../../crds/explain/measured.ts';

const one: Measured = {
  ...{ base: 'Dense', learningRate: measuredLora().learningRate, trained: 1_234_567, seeds: 1 },
  ...{ before: 2.5, after: { median: 2, least: 2, most: 2 } },
  besideLora: { median: -0.25, least: -0.25, most: -0.25 },
  ...{ peakMiB: 12_345, ofPlan: 1.05, stepOfLora: null, timedSeeds: 0 },
};

const rowOf = (measured: Measured | null) =>
  measuredLines([{ type: 'BlockLoRA', measured }], 80).at(-1) ?? '';

test('a row has what was measured, in 80 columns', (t) => {
  const row = rowOf(one);
  t.deepEqual(row.trim().split(/ +/), [
    ...['BlockLoRA', measuredLora().learningRate.toExponential(), '1.23', 'M', '2.500', '2.000'],
    ...['-0.250', '1', '12,345', '1.050', '-'],
  ]);
  t.true(row.length <= 80);
  t.regex(rowOf({ ...one, stepOfLora: 1.257 }), / 1\.26$/);
});

test('what was not measured, or has no loss, is told as that', (t) => {
  t.is(rowOf(null), '  BlockLoRA not measured');
  t.is(measuredWords('BlockLoRA', null), 'not measured');
  const lost = { ...one, after: null, besideLora: null };
  t.regex(rowOf(lost), / 2\.500 +none +1 +12,345 /);
  t.regex(
    measuredWords('BlockLoRA', lost),
    /2\.500 before and not finite after .*\(not compared, /,
  );
});

test('a learning rate other than that of LoRA is marked', (t) => {
  const other = { ...one, learningRate: 0.5 };
  t.false(rowOf(one).includes('*'));
  t.true(rowOf(other).includes(' 5e-1* '));
  t.false(measuredWords('BlockLoRA', one).includes('where LoRA has'));
  t.regex(measuredWords('BlockLoRA', other), /learning rate 5e-1, where LoRA has \de-\d;/);
});

test('a base other than that of LoRA is told', (t) => {
  const quantized = { ...one, base: 'NF4' };
  const [said, ...rest] = [one, quantized].map((measured) =>
    measuredLines([{ type: 'BlockLoRA', measured }], 80).join(' '),
  );
  t.false(said?.includes('has the base'));
  t.true(rest[0]?.includes('BlockLoRA has the base NF4, LoRA a dense one.'));
  t.regex(measuredWords('BlockLoRA', quantized), /with the base NF4/);
});

test('of several seeds the bounds are told', (t) => {
  const several = { ...one, seeds: 3, besideLora: { median: 0.04, least: -0.01, most: 0.07 } };
  t.regex(measuredWords('EVA', several), /\(\+0\.040 vs LoRA, 3 seeds, -0\.010 to \+0\.070\)/);
  t.regex(measuredWords('LoRA', measuredLora()), /\(\d seeds, \d\.\d{3} to \d\.\d{3}\)/);
});

test('time is told with the seeds of which it was counted', (t) => {
  t.regex(measuredWords('EVA', one), /processor time of a step not counted$/);
  const timed = { ...one, stepOfLora: 1.25, timedSeeds: 1 };
  t.regex(measuredWords('EVA', timed), /processor time of a step 1\.25 times LoRA's, one seed$/);
});
