import test from 'ava';
import fc from 'fast-check';
import { Bug } from '../../../crds/failures/errors.ts';
import { assignToRanks } from '../../../crds/plan/batches.ts';
import { type Cursor, type LoaderPlan, openLoader } from '../../../worker/data/loader.ts';
import { fillSequence } from '../../../worker/data/packed-sequences.ts';
import { numberedDocuments } from '../../builders/documents.ts';

const trainings = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 80 }),
  seed: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  tokensPerSequence: fc.option(fc.integer({ min: 30, max: 100 }), { nil: undefined }),
  sequencesPerStep: fc.integer({ min: 1, max: 9 }),
  window: fc.integer({ min: 1, max: 40 }),
});
type Training = typeof trainings extends fc.Arbitrary<infer T> ? T : never;

function planOf({ lengths, ...rest }: Training): LoaderPlan {
  const documents = numberedDocuments(lengths);
  return { documents, members: [...lengths.keys()], ...rest };
}

test('Every document is learned exactly once an epoch, for any number of ranks', (t) => {
  fc.assert(
    fc.property(trainings, fc.integer({ min: 1, max: 5 }), (training, ranks) => {
      const plan = planOf(training);
      const loader = openLoader(plan);
      const perEpoch = loader.sequencesIn(0) + loader.sequencesIn(1);
      const seen = new Map<number, number>();
      let sequences = 0;
      for (let cursor = loader.start; sequences < perEpoch; ) {
        const batch = loader.take(cursor);
        // What a rank takes is decided by lengths alone, and all ranks together take the batch.
        const costs = batch.sequences.map(({ lengths }) =>
          lengths.reduce((sum, length) => sum + length, 0),
        );
        const taken = assignToRanks(costs, ranks).flat();
        t.is(new Set(taken).size, batch.sequences.length);
        for (const { documents } of batch.sequences) {
          if (sequences === perEpoch) break;
          sequences += 1;
          for (const document of documents) seen.set(document, (seen.get(document) ?? 0) + 1);
        }
        cursor = batch.next;
      }
      t.is(seen.size, training.lengths.length);
      t.deepEqual(new Set(seen.values()), new Set([2]));
    }),
    { numRuns: 150 },
  );
});

test('A run stopped and started again at any step reads what an undisturbed one reads', (t) => {
  fc.assert(
    fc.property(trainings, fc.array(fc.nat(12), { maxLength: 4 }), (training, stops) => {
      const undisturbed: unknown[] = [];
      const whole = openLoader(planOf(training));
      let cursor = whole.start;
      for (let step = 0; step < 12; step += 1) {
        const batch = whole.take(cursor);
        undisturbed.push(batch);
        cursor = batch.next;
      }
      const disturbed: unknown[] = [];
      let loader = openLoader(planOf(training));
      let place: Cursor = loader.start;
      for (let step = 0; step < 12; step += 1) {
        // The cursor has been through a checkpoint.
        if (stops.includes(step)) {
          loader = openLoader(planOf(training));
          place = JSON.parse(JSON.stringify(place));
        }
        const batch = loader.take(place);
        disturbed.push(batch);
        place = batch.next;
      }
      t.deepEqual(disturbed, undisturbed);
    }),
    { numRuns: 100 },
  );
});

test('The cursor of a step can be found without the steps before it', (t) => {
  fc.assert(
    fc.property(trainings, fc.nat(30), (training, steps) => {
      const loader = openLoader(planOf(training));
      let cursor = loader.start;
      for (let step = 0; step < steps; step += 1) {
        t.deepEqual(loader.seek(step), cursor);
        cursor = loader.take(cursor).next;
      }
      t.deepEqual(openLoader(planOf(training)).seek(steps), cursor);
    }),
    { numRuns: 100 },
  );
});

test('Target tokens of a batch are those of its sequences, and every one has its own key', (t) => {
  fc.assert(
    fc.property(trainings, (training) => {
      const plan = planOf(training);
      const loader = openLoader(plan);
      const keys = new Set<number>();
      let sequences = 0;
      for (let cursor = loader.start, step = 0; step < 6; step += 1) {
        const batch = loader.take(cursor);
        const filled = batch.sequences.map(({ documents, key }) =>
          fillSequence(plan.documents, documents, key),
        );
        t.is(batch.sequences.length, training.sequencesPerStep);
        t.is(
          filled.reduce((sum, sequence) => sum + sequence.targetCount, 0),
          batch.targetTokens,
        );
        t.is(
          filled.reduce((sum, sequence) => sum + sequence.ids.length, 0),
          batch.tokens,
        );
        for (const sequence of filled) keys.add(sequence.key);
        sequences += filled.length;
        cursor = batch.next;
      }
      t.is(keys.size, sequences);
    }),
    { numRuns: 60 },
  );
});

test('Without packing a sequence is one document, in an order that changes with the epoch and the seed', (t) => {
  const lengths = Array.from({ length: 50 }, () => 3);
  const base = { lengths, tokensPerSequence: undefined, sequencesPerStep: 50, window: 64 };
  const first = openLoader(planOf({ ...base, seed: 1n }));
  const one = first.take(first.start);
  const two = first.take(one.next);
  const other = openLoader(planOf({ ...base, seed: 2n }));
  const orders = [one, two, other.take(other.start)].map(({ sequences }) =>
    sequences.map(({ documents }) => documents[0]),
  );
  t.true(one.sequences.every(({ documents }) => documents.length === 1));
  t.is(new Set(orders.map((order) => order.join())).size, 3);
});

test('Documents that were set aside are never seen', (t) => {
  const documents = numberedDocuments([5, 5, 5, 5, 5, 5]);
  const loader = openLoader({
    documents,
    members: [1, 3, 4],
    seed: 0,
    tokensPerSequence: 10,
    sequencesPerStep: 2,
  });
  const seen = new Set<number>();
  for (let cursor = loader.start, step = 0; step < 9; step += 1) {
    const batch = loader.take(cursor);
    for (const { documents: members } of batch.sequences)
      for (const member of members) seen.add(member);
    cursor = batch.next;
  }
  t.deepEqual([...seen].sort(), [1, 3, 4]);
});

test('A cursor of other data or another seed is refused', (t) => {
  const loader = openLoader(
    planOf({ lengths: [3, 4], seed: 1n, tokensPerSequence: 30, sequencesPerStep: 1, window: 8 }),
  );
  t.throws(() => loader.take({ ...loader.start, storeDigest: 'other' }), { instanceOf: Bug });
  t.throws(() => loader.take({ ...loader.start, seed: '2' }), { instanceOf: Bug });
});
