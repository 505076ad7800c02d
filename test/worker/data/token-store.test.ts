import { appendFile, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { indexEntryBytes, storeFiles, storeVersion } from '../../../worker/data/store-manifest.ts';
import { DamagedStore, openTokenStore } from '../../../worker/data/token-store.ts';
import { type WrittenDocument, writeStore } from '../../builders/token-store.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const never = new AbortController().signal;

const token = fc.record({ id: fc.nat(65_535), mark: fc.nat(1) });
const documents = fc.array(
  fc.array(token, { minLength: 1, maxLength: 40 }).map(
    (tokens): WrittenDocument => ({
      ids: tokens.map(({ id }) => id),
      targets: tokens.map(({ mark }) => mark),
    }),
  ),
  { minLength: 1, maxLength: 12 },
);

test('What was written is read, whatever the lengths and the width of a token', async (t) => {
  await fc.assert(
    fc.asyncProperty(documents, fc.constantFrom(2 as const, 4 as const), async (written, width) => {
      await using folder = await temporaryFolder();
      await writeStore(folder.path, written, width);
      using store = await openTokenStore(folder.path, never);
      t.is(store?.count, written.length);
      for (const [index, { ids, targets }] of written.entries()) {
        const outIds = new Int32Array(ids.length + 2);
        const outMarks = new Uint8Array(ids.length + 2);
        store?.copyTo(index, outIds, outMarks, 1);
        t.deepEqual([...outIds], [0, ...ids, 0]);
        t.deepEqual([...outMarks], [0, ...targets, 0]);
        t.is(store?.lengthOf(index), ids.length);
        t.is(store?.targetTokensOf(index), targets.slice(1).filter((mark) => mark === 1).length);
        t.is(store?.lineOf(index), 10 + index);
        t.is(store?.sampleOf(index), Math.floor(index / 2));
      }
      t.is(
        store?.manifest.tokens,
        written.reduce((sum, { ids }) => sum + ids.length, 0),
      );
    }),
    { numRuns: 40 },
  );
});

test('A document with a class is read with it, and is one target', async (t) => {
  await using folder = await temporaryFolder();
  await writeStore(folder.path, [
    { ids: [2, 9, 3], targets: [0, 0, 0], class: 3 },
    { ids: [2, 3, 9, 3], targets: [0, 0, 1, 1], class: 0 },
  ]);
  using store = await openTokenStore(folder.path, never);
  t.is(store?.manifest.objective, 'Class');
  t.deepEqual([0, 1].map(store!.classOf!), [3, 0]);
  t.deepEqual([0, 1].map(store!.targetTokensOf), [1, 1]);
  t.is(store?.manifest.targetTokens, 2);
  const marks = new Uint8Array(4);
  store?.copyTo(1, new Int32Array(4), marks, 0);
  t.deepEqual([...marks], [0, 0, 1, 1]);
});

test('Documents of next tokens have no class', async (t) => {
  await using folder = await temporaryFolder();
  await writeStore(folder.path, [{ ids: [1, 2], targets: [0, 1] }]);
  using store = await openTokenStore(folder.path, never);
  t.is(store?.classOf, undefined);
});

test('Ids above 65,535 are kept in four bytes', async (t) => {
  await using folder = await temporaryFolder();
  await writeStore(folder.path, [{ ids: [200_000, 7], targets: [0, 1] }], 4);
  using store = await openTokenStore(folder.path, never);
  const ids = new Int32Array(2);
  store?.copyTo(0, ids, new Uint8Array(2), 0);
  t.deepEqual([...ids], [200_000, 7]);
});

test('The files have the layout that their names promise', async (t) => {
  await using folder = await temporaryFolder();
  await writeStore(folder.path, [
    { ids: [1, 2, 3], targets: [1, 0, 1] },
    { ids: [4], targets: [1] },
  ]);
  const read = (name: string) => readFile(join(folder.path, name));
  t.deepEqual([...(await read(storeFiles.tokens))], [1, 0, 2, 0, 3, 0, 4, 0]);
  t.deepEqual([...(await read(storeFiles.targets))], [0b1101]);
  const index = await read(storeFiles.index);
  t.is(index.length, 2 * indexEntryBytes);
  t.deepEqual(
    [
      index.readBigUInt64LE(24),
      index.readUInt32LE(32),
      index.readUInt32LE(36),
      index.readUInt32LE(40),
    ],
    [3n, 1, 0, 11],
  );
});

test('A folder without a manifest holds no store', async (t) => {
  await using folder = await temporaryFolder();
  await writeStore(folder.path, [{ ids: [1, 2], targets: [0, 1] }]);
  await rm(join(folder.path, storeFiles.manifest));
  t.is(await openTokenStore(folder.path, never), undefined);
});

const damaged = test.macro({
  title: (given = '') => given,
  async exec(t, damage: (folder: string) => Promise<void>, reason: RegExp) {
    await using folder = await temporaryFolder();
    await writeStore(folder.path, [{ ids: [1, 2], targets: [0, 1] }]);
    await damage(folder.path);
    const error = await t.throwsAsync(() => openTokenStore(folder.path, never), {
      instanceOf: DamagedStore,
    });
    t.regex(error.message, reason);
  },
});
test(
  'A store with a changed token',
  damaged,
  (folder) => writeFile(join(folder, storeFiles.tokens), Buffer.of(1, 0, 3, 0)),
  /tokens-000\.bin does not have its digest/,
);
test(
  'A store cut off',
  damaged,
  (folder) => truncate(join(folder, storeFiles.index), 10),
  /index\.bin does not have its digest/,
);
test(
  'A store with more than there was',
  damaged,
  (folder) => appendFile(join(folder, storeFiles.targets), 'x'),
  /targets-000\.bin does not have/,
);
test(
  'A store without a file',
  damaged,
  (folder) => rm(join(folder, storeFiles.tokens)),
  /a file of the store is missing/,
);
test(
  'A store with a torn manifest',
  damaged,
  (folder) => truncate(join(folder, storeFiles.manifest), 50),
  /manifest\.json cannot be read/,
);
test(
  'A store of another version',
  damaged,
  async (folder) => {
    const path = join(folder, storeFiles.manifest);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace(`"version": ${storeVersion}`, '"version": 999'));
  },
  /manifest\.json cannot be read/,
);
