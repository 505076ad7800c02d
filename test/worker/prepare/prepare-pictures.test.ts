// Files of pictures → a store, and what a sequence of them has.
import {
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { parquetWriteBuffer } from 'hyparquet-writer';
import type { DataSource } from '../../../crds/api/dataset.ts';
import { systemClock } from '../../../crds/clock.ts';
import { UserError } from '../../../crds/failures/errors.ts';
import { decodeImage } from '../../../worker/data/images/decode.ts';
import type { Preprocessing } from '../../../worker/data/images/preprocessing.ts';
import { fillSequence } from '../../../worker/data/packed-sequences.ts';
import { pictureFiles } from '../../../worker/data/pictures-record.ts';
import type { TokenStore } from '../../../worker/data/token-store.ts';
import type { PrepareProgress } from '../../../worker/prepare/build-store.ts';
import { type PictureInput, prepareDataset } from '../../../worker/prepare/prepare.ts';
import { readPictures } from '../../../worker/prepare/read-pictures.ts';
import { resolvePictures } from '../../../worker/prepare/resolve-pictures.ts';
import { catsAndDogs, colourPng, greyPng, idxPair, smallGrey } from '../../builders/pictures.ts';
import { preprocess } from '../../builders/preprocess.ts';
import { temporaryFolder, testEnvironment } from '../../doubles/sources.ts';

const never = new AbortController().signal;

async function desk(files: Readonly<Record<string, string | Uint8Array>>) {
  const folder = await temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, 'data', path)), { recursive: true });
    await writeFile(join(folder.path, 'data', path), content);
  }
  const environment = testEnvironment(join(folder.path, 'cache'), { jobFolder: folder.path });
  const warnings: string[] = [];
  const progress: PrepareProgress[] = [];
  const prepare = async (
    more: Partial<PictureInput> = {},
    source: Partial<DataSource> = {},
    threads = 1,
  ) => {
    const from = { local: { path: 'data' }, ...source } as DataSource;
    const found = await resolvePictures(from, 'spec.dataset.train', environment, never);
    const { files, boundary } = found;
    return prepareDataset(
      { files, pictures: { ...catsAndDogs, boundary }, invalidSamplePolicy: 'Skip', ...more },
      {
        ...{ folder: join(folder.path, 'stores'), threads, clock: systemClock },
        onProgress: (given) => progress.push(given),
        onWarning: (sentence) => warnings.push(sentence),
      },
      never,
    );
  };
  return {
    ...{ root: folder.path, environment, warnings, progress, prepare },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Class and values of each document, as a trainer gets them. */
function contentOf(store: TokenStore): readonly (readonly [number, readonly number[]])[] {
  return Array.from({ length: store.count }, (_, document) => {
    const { values, ids, labels, targetCount } = fillSequence(store, [document], 0);
    if (targetCount !== 1 || ids.some((id) => id !== 0)) throw new Error('not one picture');
    return [labels[0] ?? -1, [...(values?.['pixels']?.values ?? [])]] as const;
  });
}

const valuesOf = (png: Buffer, how: Preprocessing = smallGrey) => [
  ...preprocess(decodeImage(png), how).values,
];
const lines = (records: readonly unknown[]) =>
  records.map((record) => `${JSON.stringify(record)}\n`).join('');

const folders = {
  'cat/a.png': greyPng(1),
  'cat/b.PNG': greyPng(2, 9, 7),
  'dog/a.png': greyPng(3),
  'README.md': 'pictures',
};
const ofFolders = [
  [0, valuesOf(greyPng(1))],
  [0, valuesOf(greyPng(2, 9, 7))],
  [1, valuesOf(greyPng(3))],
] as const;

test('Folders that are named by their classes', async (t) => {
  await using here = await desk(folders);
  using store = await here.prepare();
  t.deepEqual(contentOf(store), ofFolders);
  const { manifest } = store;
  t.deepEqual([manifest.samples, manifest.tokens, manifest.classes], [3, 15, [2, 1]]);
  t.deepEqual([manifest.shape, manifest.objective], ['folders of classes', 'Class']);
  t.deepEqual(manifest.examples[1], [
    { text: '4 x 4 pixels, grey, resized', isTarget: false },
    { text: 'cat', isTarget: true },
  ]);
  t.is(here.progress.at(-1)?.bytes, here.progress.at(-1)?.totalBytes);
});

test('Records that name pictures by paths from their own folder, labels by name or number', async (t) => {
  const records = [
    { image: 'cat/a.png', label: 'cat' },
    { image: './cat/b.PNG', label: 0 },
    { image: 'dog/a.png', label: 'dog' },
  ];
  await using here = await desk({ ...folders, 'train.jsonl': lines(records), 'dog/x.png': 'x' });
  using store = await here.prepare();
  t.deepEqual(contentOf(store), ofFolders);
  t.deepEqual([0, 1, 2].map(store.lineOf), [1, 2, 3]);
  // What no record names is not looked at.
  t.is(store.manifest.skipped.Invalid, 0);
  // A source may be the file alone.
  using alone = await here.prepare({}, { local: { path: 'data/train.jsonl' } });
  t.is(alone.digest, store.digest);
});

test('A metadata.jsonl of the hub, in a folder of its own', async (t) => {
  const metadata = lines([
    { file_name: 'a.png', label: 1 },
    { file_name: 'b.png', label: 0 },
  ]);
  await using here = await desk({
    'train/a.png': greyPng(1),
    'train/b.png': greyPng(2),
    'train/metadata.jsonl': metadata,
    'test/metadata.jsonl': metadata,
  });
  using store = await here.prepare({}, { split: 'train' });
  t.deepEqual(contentOf(store), [
    [1, valuesOf(greyPng(1))],
    [0, valuesOf(greyPng(2))],
  ]);
});

test('Parquet files with the files of pictures in their rows, and whole numbers of 64 bits', async (t) => {
  const pictures = [1, 2, 3].map((seed) => ({ bytes: new Uint8Array(greyPng(seed)), path: 'x' }));
  const columnData = [
    { name: 'image', data: pictures },
    { name: 'label', data: [1n, 0n, 1n] },
    { name: 'text', data: ['a', 'b', 'c'] },
  ];
  const schema = [
    { name: 'root', num_children: 3 },
    { name: 'image', num_children: 2, repetition_type: 'OPTIONAL' as const },
    { name: 'bytes', type: 'BYTE_ARRAY' as const, repetition_type: 'OPTIONAL' as const },
    {
      ...{ name: 'path', type: 'BYTE_ARRAY' as const, repetition_type: 'OPTIONAL' as const },
      converted_type: 'UTF8' as const,
    },
    { name: 'label', type: 'INT64' as const, repetition_type: 'OPTIONAL' as const },
    {
      ...{ name: 'text', type: 'BYTE_ARRAY' as const, repetition_type: 'OPTIONAL' as const },
      converted_type: 'UTF8' as const,
    },
  ];
  const file = new Uint8Array(parquetWriteBuffer({ columnData, schema, rowGroupSize: 2 }));
  await using here = await desk({ 'train-00000-of-00001.parquet': file });
  using store = await here.prepare();
  t.deepEqual(
    contentOf(store),
    [1, 2, 3].map((seed, at) => [[1, 0, 1][at] ?? 0, valuesOf(greyPng(seed))]),
  );
});

test('A pair of IDX files, packed by gzip or not; the other pair is of another split', async (t) => {
  const [train, other] = [idxPair([1, 0, 1]), idxPair([0])];
  await using here = await desk({
    'train-images-idx3-ubyte.gz': train.images,
    'train-labels-idx1-ubyte': train.labels,
    't10k-images-idx3-ubyte.gz': other.images,
    't10k-labels-idx1-ubyte': other.labels,
  });
  using store = await here.prepare({}, { split: 'train' });
  t.deepEqual(
    contentOf(store),
    [1, 0, 1].map((label, at) => [label, valuesOf(greyPng(at))]),
  );
  t.deepEqual(
    store.manifest.files.map(({ path }) => path),
    ['train-images-idx3-ubyte.gz'],
  );
  using both = await here.prepare();
  t.is(both.count, 4);
});

test('No picture takes others along to a thread', async (t) => {
  const { images, labels } = idxPair([1, 0, 1]);
  await using here = await desk({
    'a-images-idx3-ubyte.gz': images,
    'a-labels-idx1-ubyte': labels,
  });
  const source = { local: { path: 'data' } };
  const { files } = await resolvePictures(source, 'spec.dataset.train', here.environment, never);
  const { batches } = await readPictures(files, () => {}, never);
  for await (const { items } of batches) {
    for (const item of items) {
      const sample = 'sample' in item && item.sample.type === 'ImageClassification' && item.sample;
      if (sample === false || sample.picture.type !== 'Pixels') return t.fail();
      t.is(sample.picture.image.pixels.buffer.byteLength, 16);
    }
  }
});

const rgb: Preprocessing = {
  ...smallGrey,
  ...{ channels: 3, normalize: { mean: [0.1, 0.2, 0.3], std: [1, 1, 1] } },
};

test('Grey pictures become RGB for a model of colours, and colours become grey for one of grey', async (t) => {
  await using here = await desk({ 'cat/a.png': greyPng(1), 'dog/b.png': colourPng(2) });
  const boundary = join(here.root, 'data');
  using colours = await here.prepare({
    pictures: { ...catsAndDogs, preprocessing: rgb, boundary },
  });
  t.deepEqual(contentOf(colours), [
    [0, valuesOf(greyPng(1), rgb)],
    [1, valuesOf(colourPng(2), rgb)],
  ]);
  using grey = await here.prepare();
  t.deepEqual(contentOf(grey)[1], [1, valuesOf(colourPng(2))]);
});

test('Whatever decides a value gives another store, and nothing else does', async (t) => {
  await using here = await desk(folders);
  const boundary = join(here.root, 'data');
  const digestOf = async (more: Partial<PictureInput['pictures']>, maxSamples?: number) => {
    const pictures = { ...catsAndDogs, boundary, ...more };
    using store = await here.prepare({ pictures, maxSamples });
    return store.digest;
  };
  const first = await digestOf({});
  t.is(await digestOf({ boundary: `${boundary}/` }), first);
  const others = [
    await digestOf({ preprocessing: { ...smallGrey, scale: 1 } }),
    await digestOf({ preprocessing: { ...smallGrey, normalize: { mean: [0.4], std: [0.5] } } }),
    await digestOf({ labels: ['dog', 'cat'] }),
    await digestOf({ tokens: 6 }),
    await digestOf({}, 2),
  ];
  await writeFile(join(here.root, 'data/cat/a.png'), greyPng(9));
  others.push(await digestOf({}));
  t.is(new Set([first, ...others]).size, others.length + 1);
});

test('The bytes of a store do not depend on the number of threads', async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: 70 }, (_, at) => [
      `${at % 2 === 0 ? 'cat' : 'dog'}/${at}.png`,
      // With what no reader looks at: below some megabytes one thread does it all.
      Buffer.concat([greyPng(at), Buffer.alloc(64 * 1024)]),
    ]),
  );
  await using here = await desk(files);
  const contents = [];
  for (const threads of [1, 3]) {
    using store = await here.prepare({}, {}, threads);
    contents.push(store.manifest.contents, store.manifest.pictures);
    await rm(join(here.root, 'stores'), { recursive: true });
  }
  t.deepEqual(contents.slice(0, 2), contents.slice(2));
});

test('Damaged bytes of pictures are noticed, and prepared again', async (t) => {
  await using here = await desk(folders);
  using store = await here.prepare();
  for (const [name, what] of [
    [pictureFiles.pictures, 0],
    [pictureFiles.offsets, 8],
  ] as const) {
    await truncate(join(store.folder, name), what);
    using again = await here.prepare();
    t.deepEqual(contentOf(again), ofFolders);
    t.is(
      here.warnings.pop(),
      `the prepared data is damaged (${name} does not have its digest); it is prepared again`,
    );
  }
});

test('What stopped in the middle leaves no store, and the next one begins anew', async (t) => {
  await using here = await desk(folders);
  const stores = join(here.root, 'stores');
  using store = await here.prepare();
  await rename(store.folder, `${store.folder}.partial`);
  await truncate(join(`${store.folder}.partial`, pictureFiles.pictures), 5);
  using again = await here.prepare();
  t.deepEqual(contentOf(again), ofFolders);
  t.deepEqual(
    (await readdir(stores)).filter((name) => name.endsWith('.partial')),
    [],
  );
});

const secret = greyPng(77);

test('Hostile and damaged records are counted, and say what they are', async (t) => {
  const good = Array.from({ length: 1000 }, (_, at) => ({ image: 'a.png', label: at % 2 }));
  const bad = [
    [{ image: '../secret.png', label: 0 }, /^names the picture "\.\.\/secret\.png"; a picture is/],
    [
      { image: '/etc/passwd', label: 0 },
      /^names the picture "\/etc\/passwd"; a picture is named by/,
    ],
    [
      { image: 'in/../../secret.png', label: 0 },
      /^names the picture "in\/\.\.\/\.\.\/secret\.png"; /,
    ],
    [{ image: 'link.png', label: 0 }, /^link\.png is a link that leads out of the data set · /],
    [{ image: 'out/secret.png', label: 0 }, /^out\/secret\.png is a link that leads out of the/],
    [
      { image: 'gone.png', label: 0 },
      /^names the picture "gone\.png", which the data set does not/,
    ],
    [{ image: 'notes.txt', label: 0 }, /^names the picture "notes\.txt", which the data set does/],
    [{ image: 'text.png', label: 0 }, /^text\.png is neither PNG nor JPEG by its first bytes; /],
    [
      { image: 'a.png', label: 'bird' },
      /^a\.png has the label "bird"; spec\.dataset\.labels names 2/,
    ],
    [{ image: 'a.png', label: -1 }, /^a\.png has the label -1; /],
    [{ image: 'a.png', label: null }, /^has a label that is null, neither a number nor a name$/],
  ] as const;
  await using here = await desk({
    'train.jsonl': lines([...good, ...bad.map(([record]) => record)]),
    'a.png': greyPng(1),
    'in/b.png': greyPng(1),
    'text.png': 'no picture',
    'notes.txt': 'cat',
  });
  await writeFile(join(here.root, 'secret.png'), secret);
  await symlink(join(here.root, 'secret.png'), join(here.root, 'data/link.png'));
  await symlink(here.root, join(here.root, 'data/out'));
  const error = await t.throwsAsync(here.prepare(), { instanceOf: UserError });
  t.regex(error?.message ?? '', /^11 of 1011 records cannot be used \(1\.1 %\), and more than 1 %/);
  // One less is little enough.
  const fewer = lines([...good, ...bad.slice(0, 10).map(([record]) => record), ...good]);
  await writeFile(join(here.root, 'data/train.jsonl'), fewer);
  using store = await here.prepare();
  const { problems, skipped } = store.manifest;
  t.is(skipped.Invalid, 10);
  for (const [at, [record, reason]] of bad.slice(0, 10).entries()) {
    t.regex(problems[at]?.reason ?? '', reason, JSON.stringify(record));
    t.deepEqual([problems[at]?.file, problems[at]?.line], ['train.jsonl', 1001 + at]);
  }
  const bytes = await readFile(join(store.folder, pictureFiles.pictures));
  t.false(bytes.includes(Buffer.from(decodeImage(secret).pixels)));
});

test('A picture in a folder is named by its path alone, and one without a class says so', async (t) => {
  await using here = await desk({ ...folders, 'alone.png': greyPng(1), 'bird/a.png': greyPng(1) });
  await t.throwsAsync(here.prepare({ invalidSamplePolicy: 'Fail' }), {
    instanceOf: UserError,
    message:
      'alone.png lies in no folder of a class; the source is the folder that has the folders of all classes; invalidSamplePolicy is Fail',
  });
  const source = { files: ['bird/*', 'cat/*'] };
  await t.throwsAsync(here.prepare({ invalidSamplePolicy: 'Fail' }, source), {
    message:
      /^bird\/a\.png has the label "bird"; spec\.dataset\.labels names 2 classes: cat, dog; /,
  });
});
