import { appendFile, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { PartialFile } from '../../../worker/prepare/partial-file.ts';
import { someBytes, temporaryFolder } from '../../doubles/sources.ts';

const identity = { bytes: 1000, version: 'abc', durable: false };

test('What was written is not missing after the file is opened again', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'blob.partial');
  {
    await using partial = await PartialFile.open(path, identity);
    await partial.write(100, [Buffer.alloc(50), Buffer.alloc(50)]);
    await partial.write(500, [Buffer.alloc(100)]);
  }
  await using again = await PartialFile.open(path, identity);
  t.is(again.held, 200);
  t.deepEqual(again.missing(300), [
    { begin: 0, end: 100 },
    { begin: 200, end: 500 },
    { begin: 600, end: 900 },
    { begin: 900, end: 1000 },
  ]);
});

test('Another size or version, a missing file or a foreign journal starts anew', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'blob.partial');
  const fill = async () => {
    await using partial = await PartialFile.open(path, identity);
    await partial.write(0, [Buffer.alloc(10)]);
  };
  const heldBy = async (other: typeof identity) => {
    await using partial = await PartialFile.open(path, other);
    return partial.held;
  };
  await fill();
  t.is(await heldBy(identity), 10);
  t.is(await heldBy({ ...identity, version: 'abd' }), 0);
  await fill();
  t.is(await heldBy({ ...identity, bytes: 999 }), 0);
  await fill();
  await truncate(path, 5);
  t.is(await heldBy(identity), 0);
  await fill();
  await writeFile(`${path}.journal`, 'something else\n0 1000\n');
  t.is(await heldBy(identity), 0);
});

test('A journal torn at any byte claims nothing that was not written', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (cutAt) => {
      await using folder = await temporaryFolder();
      const path = join(folder.path, 'blob.partial');
      const content = someBytes(identity.bytes);
      {
        await using partial = await PartialFile.open(path, identity);
        for (const begin of [0, 300, 120, 640]) {
          await partial.write(begin, [content.subarray(begin, begin + 111)]);
        }
      }
      const { size } = await stat(`${path}.journal`);
      await truncate(`${path}.journal`, cutAt % (size + 1));
      {
        // The next process writes on; its lines must be read in spite of the torn one.
        await using partial = await PartialFile.open(path, identity);
        await partial.write(900, [content.subarray(900, 1000)]);
      }
      await using last = await PartialFile.open(path, identity);
      t.true(last.held >= 100);
      const found = await readFile(path);
      let at = 0;
      for (const { begin, end } of [...last.missing(1000), { begin: 1000, end: 1000 }]) {
        t.true(found.subarray(at, begin).equals(content.subarray(at, begin)));
        at = end;
      }
    }),
    { numRuns: 60 },
  );
});

test('Lines that make no sense are ignored', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'blob.partial');
  await (await PartialFile.open(path, identity))[Symbol.asyncDispose]();
  await appendFile(`${path}.journal`, '5 2\n0 1001\n-1 10\nx y\n1 2 3\n10 20\n');
  await using partial = await PartialFile.open(path, identity);
  t.is(partial.held, 10);
});

test('A finished file stands in its place and leaves nothing beside it', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'blob.partial');
  const content = someBytes(identity.bytes);
  await using partial = await PartialFile.open(path, { ...identity, durable: true });
  await partial.write(0, [content]);
  await partial.finish(join(folder.path, 'blob'));
  t.true(content.equals(await readFile(join(folder.path, 'blob'))));
  await t.throwsAsync(stat(path), { code: 'ENOENT' });
  await t.throwsAsync(stat(`${path}.journal`), { code: 'ENOENT' });
});
