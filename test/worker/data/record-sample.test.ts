// Records of a step: each by itself with its probability, and never joined.
import test from 'ava';
import { poissonSample, sampledRecords } from '../../../worker/data/record-sample.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { numberedDocuments } from '../../builders/documents.ts';

test('sizes have mean qN and variance q(1-q)N, and each record is drawn as often', (t) => {
  const [records, rate, steps] = [1000, 0.05, 600];
  const sizes: number[] = [];
  const drawn = new Array<number>(records).fill(0);
  for (let step = 0; step < steps; step += 1) {
    const chosen = poissonSample(records, rate, streamOf(7, 'sample', step));
    sizes.push(chosen.length);
    for (const record of chosen) drawn[record] = (drawn[record] ?? 0) + 1;
  }
  // Six deviations of each statistic.
  const variance = rate * (1 - rate) * records;
  const mean = sizes.reduce((sum, size) => sum + size, 0) / steps;
  t.true(Math.abs(mean - rate * records) < 6 * Math.sqrt(variance / steps), String(mean));
  const found = sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / (steps - 1);
  t.true(Math.abs(found - variance) < 6 * variance * Math.sqrt(2 / steps), String(found));
  const [most, least] = [Math.max(...drawn), Math.min(...drawn)];
  const deviation = Math.sqrt(rate * (1 - rate) * steps);
  t.true(Math.max(most - rate * steps, rate * steps - least) < 6 * deviation);
});

test('all or none at the ends, and the same of the same stream', (t) => {
  const all = Array.from({ length: 9 }, (_, i) => i);
  t.deepEqual(poissonSample(9, 1, streamOf(1, 'sample')), all);
  t.deepEqual(poissonSample(9, 0, streamOf(1, 'sample')), []);
  const draw = () => poissonSample(500, 0.3, streamOf(1, 'sample', 4));
  t.deepEqual(draw(), draw());
  t.notDeepEqual(draw(), poissonSample(500, 0.3, streamOf(1, 'sample', 5)));
});

test('a record is all of its documents, each a sequence of its own; held-out ones are none', (t) => {
  const documents = numberedDocuments([5, 6, 7, 8]);
  // The second and third documents are of one record; the last is held out.
  const split = { ...documents, sampleOf: (document: number) => [0, 1, 1, 2][document] ?? 0 };
  const {
    records = [],
    sequences,
    tokens,
    targetTokens,
  } = sampledRecords(...([split, [0, 1, 2], 1, streamOf(1, 'sample')] as const));
  t.deepEqual(
    records.map((record) => record.map((one) => one.documents)),
    [[[0]], [[1], [2]]],
  );
  t.deepEqual([sequences.length, tokens, targetTokens], [3, 18, 15]);
});
