import test from 'ava';
import fc from 'fast-check';
import { UserError } from '../../../../crds/failures/errors.ts';
import {
  recordsOfClassFolders,
  recordsOfIdx,
  recordsOfMetadata,
} from '../../../../worker/data/images/image-records.ts';
import type { Reading } from '../../../../worker/data/reading.ts';

const file = (path: string, label: number) => ({ image: { type: 'File', path } as const, label });

test('A folder of classes: names in order of code units, other files beside the pictures', (t) => {
  const paths = ['cat/b.JPG', 'README.md', 'Dog/1.png', 'cat/a.jpeg', 'cat/notes.txt'];
  t.deepEqual(recordsOfClassFolders(paths, 'd'), {
    classNames: ['Dog', 'cat'],
    records: [file('Dog/1.png', 0), file('cat/a.jpeg', 1), file('cat/b.JPG', 1)],
  });
});

test('The order of the listing does not matter', (t) => {
  const paths = [
    'z/ä.png',
    'z/z.png',
    'a/10.png',
    'a/9.png',
    'é/a.png',
    '\u{1f600}/a.png',
    '～/a.png',
  ];
  const listed = recordsOfClassFolders(paths, 'd');
  t.deepEqual(listed.classNames, ['a', 'z', 'é', '\u{1f600}', '～']);
  const orders = fc.shuffledSubarray(paths, { minLength: paths.length });
  fc.assert(fc.property(orders, (order) => t.deepEqual(recordsOfClassFolders(order, 'd'), listed)));
});

test('Pictures that could not be read, or have no class, are refused by name', (t) => {
  const refused = (paths: readonly string[], message: RegExp) =>
    t.throws(() => recordsOfClassFolders(paths, 'd'), { instanceOf: UserError, message });
  refused(['a/b.webp', 'a/c.png'], /^d has a\/b.webp; pictures are read as PNG and JPEG$/);
  refused(['b.png'], /^d has b.png; each picture lies in the folder of its class/);
  refused(['train/a/b.png'], /^d has train\/a\/b.png; each picture lies in/);
  refused(['a/readme.txt'], /^d has no labelled picture; /);
});

const lines = (...values: readonly unknown[]): Reading[] =>
  values.map((value, index) => ({ line: index + 1, value }));

test('metadata.jsonl: labels as texts or numbers, in order of the file names', async (t) => {
  const paths = ['b.png', 'in/a.jpg'];
  const texts = lines({ file_name: 'in/a.jpg', label: 'x' }, { file_name: 'b.png', label: 'Y' });
  t.deepEqual(await recordsOfMetadata(texts, paths, 'm'), {
    classNames: ['Y', 'x'],
    records: [file('b.png', 0), file('in/a.jpg', 1)],
  });
  const numbers = lines({ file_name: 'in/a.jpg', label: 0 }, { file_name: 'b.png', label: 2 });
  t.deepEqual(await recordsOfMetadata(numbers, paths, 'm'), {
    classNames: ['0', '1', '2'],
    records: [file('b.png', 2), file('in/a.jpg', 0)],
  });
});

for (const [name, readings, message] of [
  ['a file that is not there', lines({ file_name: 'c.png', label: 'x' }), /^m:1 .*not there$/],
  [
    'a path out of the folder',
    lines({ file_name: '../a.png', label: 'x' }),
    /^m:1 has file_name "/,
  ],
  ['no picture', lines({ file_name: 'a.txt', label: 'x' }), /^m:1 has file_name "a.txt"; it must/],
  ['no label', lines({ file_name: 'a.png' }), /^m:1 has label missing; it must be a text or/],
  ['a fraction', lines({ file_name: 'a.png', label: 1.5 }), /^m:1 has label 1.5; it must be/],
  ['a large number', lines({ file_name: 'a.png', label: 1e9 }), /^m:1 has label 1000000000; /],
  [
    'a file twice',
    lines({ file_name: 'a.png', label: 'x' }, { file_name: 'a.png', label: 'x' }),
    /^m:2 has file_name a.png a second time$/,
  ],
  [
    'both kinds of labels',
    lines({ file_name: 'a.png', label: 'x' }, { file_name: 'b.png', label: 1 }),
    /^m has labels that are texts and others that are numbers$/,
  ],
  ['no object', lines([]), /^m:1 has file_name missing; /],
  ['a damaged line', [{ line: 7, problem: 'is not JSON' }], /^m:7 is not JSON$/],
  ['no line', [], /^m has no labelled picture; at least one is needed$/],
] as const) {
  test(`metadata.jsonl with ${name} is refused`, async (t) => {
    const read = recordsOfMetadata(readings, ['a.png', 'b.png'], 'm');
    await t.throwsAsync(read, { instanceOf: UserError, message });
  });
}

test('IDX: one record a picture, with names or numbers', (t) => {
  const labels = Uint8Array.of(2, 0);
  const records = [
    { image: { type: 'Idx', index: 0 }, label: 2 },
    { image: { type: 'Idx', index: 1 }, label: 0 },
  ] as const;
  t.deepEqual(recordsOfIdx({ count: 2 }, labels, 'l'), { classNames: ['0', '1', '2'], records });
  const classNames = ['a', 'b', 'c'];
  t.deepEqual(recordsOfIdx({ count: 2 }, labels, 'l', classNames), { classNames, records });
  const refused = (body: () => unknown, message: RegExp) =>
    t.throws(body, { instanceOf: UserError, message });
  refused(() => recordsOfIdx({ count: 3 }, labels, 'l'), /^l has 2 labels for 3 pictures; /);
  refused(
    () => recordsOfIdx({ count: 2 }, labels, 'l', ['a']),
    /^l has the label 2, and there are 1 /,
  );
  refused(() => recordsOfIdx({ count: 0 }, new Uint8Array(), 'l'), /^l has no labelled picture/);
});
