import test from 'ava';
import { divergenceOf, meanOfGroups } from '../../../worker/publish/divergence-statistics.ts';
import { drawsOf, streamOf } from '../../../worker/tensor/streams.ts';

const stream = streamOf(7, 'evaluation', 'documents');

/** Documents whose tokens share a part of their divergence; the mean over all documents is 1. */
function drawn(seed: number, documents: number) {
  const draws = drawsOf(streamOf(seed, 'test', 'documents'));
  const sizes = Array.from({ length: documents }, () => 5 + draws.below(60));
  const divergence = sizes.flatMap((size) => {
    const own = draws.uniform();
    return Array.from({ length: size }, () => own + draws.uniform());
  });
  const trained = divergence.map(() => 2 + draws.uniform());
  return {
    ...{ trained, artifact: trained.map((nll, i) => nll + (divergence[i] ?? 0) / 10) },
    ...{ divergence, agrees: divergence.map((one) => one < 1.5), documents: sizes },
  };
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

test('values are those of the tokens, and intervals hold them', (t) => {
  const scores = drawn(1, 40);
  const found = divergenceOf(scores, stream);
  const close = (a: number, b: number) => Math.abs(a - b) <= 1e-12 * Math.abs(b);
  t.true(close(found.divergence.value, mean(scores.divergence)));
  t.true(close(found.agreement.value, mean(scores.agrees.map(Number))));
  t.true(close(Math.log(found.perplexityRatio.value), mean(scores.divergence) / 10));
  t.true(close(found.loss.artifact - found.loss.trained, mean(scores.divergence) / 10));
  const sorted = scores.divergence.toSorted((a, b) => b - a);
  t.deepEqual(
    [found.divergence99.value],
    sorted.slice(Math.floor(sorted.length / 100)).slice(0, 1),
  );
  for (const { value, low, high } of [
    ...[found.perplexityRatio, found.divergence, found.divergence99, found.agreement],
  ]) {
    t.true(low <= value && value <= high && low < high);
  }
  t.deepEqual(divergenceOf(scores, stream), found);
});

test('of fifty drawn sets of documents, some forty-seven intervals hold the mean of all', (t) => {
  const hits = Array.from({ length: 50 }, (_, seed) => {
    const { low, high } = divergenceOf(drawn(seed + 1, 40), stream).divergence;
    return low <= 1 && 1 <= high;
  }).filter(Boolean).length;
  t.log(`${hits} of 50`);
  // Resampling 40 documents makes intervals a little narrow: 46 are expected, with a spread of 2.
  t.true(hits >= 40, `${hits}`);
});

test('tokens of one document count together: their interval is not that of as many documents', (t) => {
  const scores = drawn(3, 40);
  const width = (documents: readonly number[]) => {
    const { low, high } = divergenceOf({ ...scores, documents }, stream).divergence;
    return high - low;
  };
  const apart = width(scores.divergence.map(() => 1));
  t.true(width(scores.documents) > 1.5 * apart);
});

test('equal models have no interval, and one document has parts to draw from', (t) => {
  const { trained } = drawn(4, 30);
  const same = { trained, artifact: trained, divergence: trained.map(() => 0) };
  const found = divergenceOf(
    { ...same, agrees: trained.map(() => true), documents: [trained.length] },
    stream,
  );
  t.deepEqual(found.perplexityRatio, { value: 1, low: 1, high: 1 });
  t.deepEqual(found.divergence, { value: 0, low: 0, high: 0 });
  t.deepEqual(found.divergence99, { value: 0, low: 0, high: 0 });
  const scores = drawn(5, 30);
  const one = divergenceOf({ ...scores, documents: [scores.trained.length] }, stream);
  t.true(one.divergence.low < one.divergence.high);
});

test('documents weigh as many tokens as they have', (t) => {
  t.is(meanOfGroups([10, 0], [10, 30], stream).value, 10 / 40);
  const { low, high } = meanOfGroups([10, 0], [10, 30], stream);
  t.deepEqual([low, high], [0, 1]);
});
