import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { seenIn, seenInBytes } from '../../../worker/data/seen.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const cases: readonly (readonly [what: string, head: string | Buffer])[] = [
  [
    'lines of 7 fields between colons',
    'root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/:/bin/no\nda',
  ],
  ['lines of 3 fields between commas', 'id,question,answer\n1,a,b\n'],
  ['lines of 2 fields between tabs', 'a, b\tc\nd\te\n'],
  [
    'plain text',
    'It was the best of times, it was the worst of times,\nit was the age of wisdom\n',
  ],
  ['plain text', 'only: one line'],
  ['nothing but blanks', '\n \n'],
  ['markup such as HTML or XML', '\n<!doctype html><html>'],
  ['JSON that is damaged or cut off', '{"messages": ['],
  ['parquet under another name', Buffer.from('PAR1\x15\x04\x15')],
  ['a zip archive', Buffer.from('PK\x03\x04\x14\x00')],
  ['bytes that are not text', Buffer.from([1, 2, 0, 4])],
  ['bytes that are not text', Buffer.from([0xff, 0xd8, 0xff, 0xe0])],
  // A character of several bytes that is cut by the end of what is evaluated at.
  ['plain text', Buffer.from('Größe und Maß').subarray(0, 3)],
];

for (const [what, head] of cases) {
  test(`${JSON.stringify(head.toString('latin1').slice(0, 24))} is seen as ${what}`, (t) => {
    const seen = seenInBytes(Buffer.from(head));
    t.is(seen.what, what);
    t.not(seen.hint, '');
    // A file that was named by mistake is not quoted.
    t.notRegex(JSON.stringify(seen), /root|best of|question/);
  });
}

test('a packed file is looked into, and an empty one holds nothing', async (t) => {
  await using folder = await temporaryFolder();
  const packed = join(folder.path, 'a.gz');
  await writeFile(packed, gzipSync('<html>'));
  const signal = new AbortController().signal;
  t.is((await seenIn(packed, signal))?.what, 'markup such as HTML or XML');
  const cut = join(folder.path, 'c.gz');
  await writeFile(cut, Buffer.from([0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]));
  t.is((await seenIn(cut, signal))?.what, 'packed data that is damaged');
  const empty = join(folder.path, 'b');
  await writeFile(empty, '');
  t.is(await seenIn(empty, signal), undefined);
});
