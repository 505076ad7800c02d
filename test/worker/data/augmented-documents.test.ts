// Pictures of a store, as ranks of a job read them to train.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../crds/clock.ts';
import type { PreparedRecord } from '../../../crds/wire/run-folder.ts';
import { openFeed } from '../../../worker/data/feed.ts';
import { prepareDataset } from '../../../worker/prepare/prepare.ts';
import { resolvePictures } from '../../../worker/prepare/resolve-pictures.ts';
import { aSpec } from '../../builders/job.ts';
import { catsAndDogs, greyPng } from '../../builders/pictures.ts';
import { temporaryFolder, testEnvironment } from '../../doubles/sources.ts';

const never = new AbortController().signal;
const changing = { cropArea: '0.2', flip: 'Horizontal' };

async function withPictures<T>(
  inspect: (feedOf: (augmentation?: object, size?: number, rank?: number) => Promise<Seen>) => T,
): Promise<Awaited<T>> {
  await using folder = await temporaryFolder();
  for (const name of ['cat', 'dog']) {
    await mkdir(join(folder.path, 'data', name), { recursive: true });
    for (let i = 0; i < 4; i += 1) {
      await writeFile(join(folder.path, 'data', name, `${i}.png`), greyPng(i + 1));
    }
  }
  const environment = testEnvironment(join(folder.path, 'cache'), { jobFolder: folder.path });
  const from = { local: { path: 'data' } };
  const { files, boundary } = await resolvePictures(from, 'data', environment, never);
  using store = await prepareDataset(
    { files, pictures: { ...catsAndDogs, boundary }, invalidSamplePolicy: 'Fail' },
    {
      ...{ folder: join(folder.path, 'stores'), threads: 1, clock: systemClock },
      ...{ onProgress: () => undefined, onWarning: () => undefined },
    },
    never,
  );
  const data = {
    ...{ train: store.folder, digest: store.digest, samples: store.count, heldOutSamples: 0 },
    ...{ skipped: {}, tokens: store.count, targetTokens: store.count },
  } satisfies PreparedRecord['data'];
  return await inspect(async (augmentation, size = 1, rank = 0) => {
    const spec = aSpec({
      ...{ 'model.task': 'ImageClassification', 'dataset.labels': ['cat', 'dog'] },
      ...{ 'dataset.sequenceLength': undefined, 'dataset.augmentation': augmentation },
      ...{ 'dataset.heldOut': { samples: 2 }, 'training.microBatchSize': 1 },
      'training.globalBatchSize': 6,
    });
    using feed = await openFeed(spec, data, never, { rank, size, attentionCost: 0 });
    const pixels = (of: Iterable<{ readonly values?: Values }>) =>
      [...of].map(({ values }) => [...(values?.['pixels']?.values ?? [])].join(' '));
    return {
      steps: [0, 1].map((step) => pixels(feed.batch(step).sequences)),
      heldOut: pixels(feed.evaluationSequences()),
    };
  });
}

type Values = Readonly<Record<string, { readonly values: Iterable<number> }>>;

interface Seen {
  /** Pictures of the first two steps, each of one epoch. */
  readonly steps: readonly (readonly string[])[];
  readonly heldOut: readonly string[];
}

test('pictures are others in each epoch, and those that are held out are as they are', async (t) => {
  await withPictures(async (feedOf) => {
    const [plain, changed] = [await feedOf(), await feedOf(changing)];
    t.deepEqual(plain.steps[0]?.toSorted(), plain.steps[1]?.toSorted());
    const [first = [], second = []] = changed.steps;
    t.is(first.length, 6);
    const again = first.filter((one) => second.includes(one));
    t.true(again.length < 6);
    t.notDeepEqual(first, plain.steps[0]);
    t.deepEqual(changed.heldOut, plain.heldOut);
  });
});

test('any number of workers sees the same pictures, and so does who begins later', async (t) => {
  await withPictures(async (feedOf) => {
    const alone = await feedOf(changing);
    const shared = await Promise.all([0, 1, 2].map((rank) => feedOf(changing, 3, rank)));
    for (const step of [0, 1]) {
      const all = shared.flatMap(({ steps }) => steps[step] ?? []);
      t.deepEqual(all.toSorted(), alone.steps[step]?.toSorted());
    }
    t.deepEqual((await feedOf(changing)).steps[1], alone.steps[1]);
  });
});
