import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import type { Dataset } from '../../../crds/api/dataset.ts';
import type { PreparedRecord } from '../../../crds/wire/run-folder.ts';
import type { RankAssignment } from '../../../worker/data/deal-sequences.ts';
import { type Feed, openFeed } from '../../../worker/data/feed.ts';
import { aSpec } from '../../builders/job.ts';
import { writeStore } from '../../builders/token-store.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

interface Sizes {
  readonly packing: Dataset['packing'];
  readonly lengths: readonly number[];
  /** Documents of the evaluation; none are held out. */
  readonly evaluated: readonly number[];
  readonly sequenceLength: number;
  readonly microBatchSize: number;
  readonly sequences: number;
}

const none = new AbortController().signal;

async function withFeed(sizes: Sizes, inspect: (feed: Feed) => void): Promise<void> {
  await using folder = await temporaryFolder();
  const { packing, sequenceLength, microBatchSize, sequences } = sizes;
  const store = async (name: string, lengths: readonly number[]) => {
    const place = join(folder.path, name);
    await mkdir(place);
    const document = (length: number) => new Array<number>(length).fill(1);
    await writeStore(
      place,
      lengths.map((length) => ({ ids: document(length), targets: document(length) })),
    );
    return place;
  };
  const data = {
    train: await store('train', sizes.lengths),
    ...(sizes.evaluated.length === 0 ? {} : { evaluation: await store('eval', sizes.evaluated) }),
    ...{ digest: 'a'.repeat(64), samples: sizes.lengths.length, heldOutSamples: 0, skipped: {} },
    ...{ tokens: 1, targetTokens: 1 },
  } satisfies PreparedRecord['data'];
  const spec = aSpec({
    ...{ 'dataset.packing': packing, 'dataset.sequenceLength': sequenceLength },
    ...{ 'training.globalBatchSize': sequences, 'training.microBatchSize': microBatchSize },
  });
  using feed = await openFeed(spec, data, none);
  inspect(feed);
}

const some = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 9 });
const sizes = fc.record({
  packing: fc.constantFrom('Packed' as const, 'None' as const),
  lengths: some,
  evaluated: some,
  sequenceLength: fc.constantFrom(64, 100, 1000),
  microBatchSize: fc.constantFrom(1, 2, 3),
  sequences: fc.constantFrom(6, 12),
});

const largest = (sequences: Iterable<{ readonly ids: ArrayLike<number> }>) =>
  Math.max(0, ...[...sequences].map(({ ids }) => ids.length));

test('no sequence is larger than memory is planned for, and none of an evaluation is smaller than the largest', async (t) => {
  await fc.assert(
    fc.asyncProperty(sizes, (given) =>
      withFeed(given, (feed) => {
        t.true(feed.largestSequence <= given.sequenceLength);
        for (let step = 0; step < 5; step += 1) {
          t.true(largest(feed.allSequences(step)) <= feed.largestSequence);
          // A document may come twice where a step begins the next pass.
          const most = feed.microBatchSize * feed.largestSequence;
          t.true(largest(feed.batch(step).sequences) <= most);
        }
        t.true(feed.largestMicroBatch <= feed.microBatchSize * feed.largestSequence);
        t.is(largest(feed.evaluationSequences()), feed.largestEvaluationSequence);
      }),
    ),
    { numRuns: 30 },
  );
});

const short = { lengths: [9, 30, 12, 20], evaluated: [7, 8], sequenceLength: 1024, sequences: 4 };

test('records shorter than a sequence make sequences of their own length', async (t) => {
  await withFeed({ ...short, packing: 'None', microBatchSize: 2 }, (feed) => {
    t.is(feed.largestSequence, 30);
    t.is(feed.largestMicroBatch, 30 + 20);
    t.is(feed.largestEvaluationSequence, 7 + 8);
  });
  await withFeed({ ...short, packing: 'Packed', microBatchSize: 1 }, (feed) => {
    t.is(feed.largestSequence, 9 + 30 + 12 + 20);
    t.is(feed.largestMicroBatch, feed.largestSequence);
  });
});

test('packed sequences are as large as they may be', async (t) => {
  const full = { ...short, sequenceLength: 32, packing: 'Packed', microBatchSize: 2 } as const;
  await withFeed(full, (feed) => {
    t.is(feed.largestSequence, 32);
    t.is(feed.largestMicroBatch, 64);
  });
});

test('nothing is evaluated where nothing is held out', async (t) => {
  await withFeed({ ...short, evaluated: [], packing: 'None', microBatchSize: 1 }, (feed) => {
    t.is(feed.largestEvaluationSequence, 0);
    t.deepEqual([...feed.evaluationSequences()], []);
  });
});

const classTexts = [
  [1, 5, 2],
  [1, 6, 7, 2],
];

/** Four pictures of each of two classes, two of which are evaluated. */
async function withClasses(
  assignment: RankAssignment | undefined,
  inspect: (feed: Feed) => void,
): Promise<void> {
  await using folder = await temporaryFolder();
  const ids = [0, 0];
  const documents = Array.from({ length: 8 }, (_, n) => ({ ids, targets: [0, 0], class: n % 2 }));
  const store = async (name: string, count: number) => {
    await mkdir(join(folder.path, name));
    await writeStore(join(folder.path, name), documents.slice(0, count));
    return join(folder.path, name);
  };
  const data = {
    ...{ train: await store('train', 8), evaluation: await store('eval', 2), classTexts },
    ...{ digest: 'a'.repeat(64), samples: 8, heldOutSamples: 2, skipped: {} },
    ...{ tokens: 16, targetTokens: 8 },
  } satisfies PreparedRecord['data'];
  const spec = aSpec({
    ...{ 'model.task': 'ContrastiveImageText', 'dataset.sequenceLength': undefined },
    ...{ 'dataset.labels': ['a', 'b'], 'dataset.shots': 3 },
    ...{ 'training.globalBatchSize': 6, 'training.microBatchSize': 2 },
  });
  // The store has no pictures, which would tell their length.
  const sized = { ...spec, dataset: { ...spec.dataset, sequenceLength: 16 } };
  using feed = await openFeed(sized, data, none, assignment);
  inspect(feed);
}

test('of a step one micro-batch brings the texts of classes, of an evaluation each sequence', async (t) => {
  await withClasses(undefined, (feed) => {
    t.is(feed.textTokens, 7);
    const { sequences } = feed.batch(0);
    t.deepEqual(
      sequences.map(({ texts }) => texts?.ids.length),
      [7, undefined, undefined],
    );
    const [{ texts } = { texts: undefined }] = sequences;
    t.deepEqual([...(texts?.ids ?? [])], [1, 5, 2, 1, 6, 7, 2]);
    t.deepEqual([[...(texts?.offsets ?? [])], texts?.of], [[0, 3, 7], 'Classes']);
    const each = [...feed.evaluationSequences(), ...feed.allSequences(0)];
    t.true(each.every((sequence) => sequence.texts?.ids.length === 7));
  });
  await withClasses({ rank: 1, size: 2, attentionCost: 0.01 }, (feed) => {
    t.is(feed.batch(0).sequences[0]?.texts?.ids.length, 7);
  });
});

test('an epoch has the shots of each class', async (t) => {
  await withClasses(undefined, (feed) => {
    t.is(feed.sequences, 6);
    t.is(feed.training.members.length, 6);
    const { classOf = () => -1 } = feed.training.documents;
    t.is(feed.training.members.filter((document) => classOf(document) === 0).length, 3);
  });
});
