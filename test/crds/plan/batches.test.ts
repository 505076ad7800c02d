import test from 'ava';
import fc from 'fast-check';
import {
  assignToRanks,
  planBatches,
  sequencesPerStep,
  splitEvenly,
  tokensPerSequence,
} from '../../../crds/plan/batches.ts';
import { aSpec } from '../../builders/job.ts';

const small = fc.integer({ min: 1, max: 200 });

test('a batch in tokens is as many packed sequences as fit into it', (t) => {
  const spec = aSpec({
    'dataset.packing': 'Packed',
    'dataset.tokensPerSequence': 2048,
    'training.globalBatchSize': undefined,
    'training.globalBatchTokens': 8192,
  });
  t.is(tokensPerSequence(spec.dataset), 2048);
  t.is(sequencesPerStep(spec.training, spec.dataset), 4);
  t.is(sequencesPerStep(aSpec().training, aSpec().dataset), 32);
});

test('equal shares differ by one at most and add up to the whole', (t) => {
  fc.assert(
    fc.property(fc.nat(500), small, (count, parts) => {
      const sizes = splitEvenly(count, parts);
      const sum = sizes.reduce((a, b) => a + b, 0);
      return (
        sizes.length === parts && sum === count && Math.max(...sizes) - Math.min(...sizes) <= 1
      );
    }),
  );
  t.pass();
});

test('micro-batches and waves hold the share of a rank and no more than they need', (t) => {
  fc.assert(
    fc.property(
      small,
      fc.integer({ min: 1, max: 9 }),
      small,
      small,
      (sequences, ranks, microBatchSize, waves) => {
        const plan = planBatches({ sequences, ranks, microBatchSize, waves });
        return (
          plan.perRank * ranks >= sequences &&
          plan.microBatches * plan.microBatchSize >= plan.perRank &&
          (plan.microBatches - 1) * plan.microBatchSize < plan.perRank &&
          plan.waves * plan.perWave >= plan.microBatches &&
          (plan.waves - 1) * plan.perWave < plan.microBatches &&
          plan.waves <= waves
        );
      },
    ),
  );
  t.pass();
});

const costs = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 60 });

test('every sequence goes to exactly one rank, in the order of the batch', (t) => {
  fc.assert(
    fc.property(costs, fc.integer({ min: 1, max: 8 }), (all, ranks) => {
      const taken = assignToRanks(all, ranks);
      const flat = taken.flat().sort((a, b) => a - b);
      const ordered = taken.every((indices) =>
        indices.every((value, i) => i === 0 || value > indices[i - 1]!),
      );
      return ordered && flat.length === all.length && flat.every((value, index) => value === index);
    }),
  );
  t.pass();
});

test('no rank has more to do than another by more than its own last sequence', (t) => {
  fc.assert(
    fc.property(costs, fc.integer({ min: 1, max: 8 }), (all, ranks) => {
      const taken = assignToRanks(all, ranks);
      const load = (indices: readonly number[]) =>
        indices.reduce((sum, index) => sum + all[index]!, 0);
      const lightest = Math.min(...taken.map(load));
      return taken.every((indices) => {
        const cheapest = Math.min(...indices.map((index) => all[index]!));
        return indices.length === 0 || load(indices) - cheapest <= lightest;
      });
    }),
  );
  t.pass();
});
