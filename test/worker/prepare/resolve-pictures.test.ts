import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../crds/clock.ts';
import { prepareDataset } from '../../../worker/prepare/prepare.ts';
import { resolvePictures } from '../../../worker/prepare/resolve-pictures.ts';
import { catsAndDogs, greyPng } from '../../builders/pictures.ts';
import { HubServer } from '../../doubles/hub-server.ts';
import { S3Server } from '../../doubles/s3-server.ts';
import { temporaryFolder, testEnvironment } from '../../doubles/sources.ts';

const never = new AbortController().signal;
const field = 'spec.dataset.train';

const records = [
  { file_name: 'a.png', label: 0 },
  { file_name: 'in/b.png', label: 'dog' },
  { file_name: 'gone.png', label: 0 },
  { file_name: '../test/c.png', label: 1 },
  'damaged',
]
  .map((record) => `${JSON.stringify(record)}\n`)
  .join('');
const files = {
  'README.md': 'x'.repeat(1000),
  'train/metadata.jsonl': records,
  'train/a.png': greyPng(1),
  'train/in/b.png': greyPng(2),
  'train/unnamed.png': greyPng(3),
  'test/c.png': greyPng(4),
  'test/metadata.jsonl': records,
};
const wanted = ['train/a.png', 'train/in/b.png', 'train/metadata.jsonl'];

test('of a hub, a bucket and a folder the records are read, and the pictures that they name', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  await using server = await S3Server.start();
  hub.add({ type: 'dataset', name: 'owner/pictures', files });
  for (const [path, content] of Object.entries(files)) {
    server.put(`/data/pictures/${path}`, content);
    await mkdir(dirname(join(cache.path, 'pictures', path)), { recursive: true });
    await writeFile(join(cache.path, 'pictures', path), content);
  }
  const environment = testEnvironment(cache.path, {
    hubEndpoint: hub.endpoint,
    bucketCredentials: { value: { accessKeyId: 'a', secretAccessKey: 'b' }, name: 'keys' },
  });
  const digests = new Set<string>();
  for (const source of [
    { huggingFace: { repository: 'owner/pictures', revision: 'main' }, split: 'train' },
    { s3: { uri: 's3://data/pictures', endpoint: server.endpoint }, split: 'train' },
    { local: { path: 'pictures' }, files: ['train/*.jsonl'] },
  ]) {
    const found = await resolvePictures(source, field, environment, never);
    t.deepEqual(
      found.files.map(({ path }) => path),
      wanted,
    );
    digests.add(found.digest);
    const { boundary } = found;
    using store = await prepareDataset(
      {
        ...{ files: found.files, maxSamples: 2, invalidSamplePolicy: 'Skip' },
        pictures: { ...catsAndDogs, boundary },
      },
      {
        ...{ folder: join(cache.path, 'stores'), threads: 1, clock: systemClock },
        ...{ onProgress: () => {}, onWarning: () => {} },
      },
      never,
    );
    t.deepEqual(store.manifest.classes, [1, 1]);
  }
  t.is(digests.size, 1);
  const asked = hub.requests.filter(({ url }) => /unnamed|c\.png|README/u.test(url));
  t.deepEqual(asked, []);
});
