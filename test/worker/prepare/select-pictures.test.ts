import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import type { DataChoice } from '../../../worker/prepare/select-files.ts';
import { selectPictures } from '../../../worker/prepare/select-pictures.ts';
import { listingOf } from '../../builders/listing.ts';

const chosen = test.macro({
  title: (given = '') => given,
  exec(
    t,
    paths: readonly string[],
    choice: DataChoice,
    type: 'Records' | 'Files',
    expected: readonly string[],
  ) {
    const found = selectPictures(listingOf(paths), choice);
    const files = found.type === 'Records' ? found.records : found.files;
    t.deepEqual([found.type, files.map(({ path }) => path)], [type, expected]);
  },
});

const folders = ['README.md', 'cat/a.png', 'cat/notes.txt', 'dog/b.JPG', 'classes.json'];
test('Folders: what is no picture is left', chosen, folders, {}, 'Files', [
  'cat/a.png',
  'dog/b.JPG',
]);
test(
  'Records stand above the pictures beside them',
  chosen,
  [...folders, 'train.jsonl', 'dataset_infos.json'],
  {},
  'Records',
  ['train.jsonl'],
);
test(
  'Without pictures a .json holds records',
  chosen,
  ['a.json', 'requirements.txt'],
  {},
  'Records',
  ['a.json'],
);
const hub = ['data/train-00000-of-00001.parquet', 'data/test-00000-of-00001.parquet', 'README.md'];
test('A split of the hub', chosen, hub, { split: 'test' }, 'Records', [hub[1] ?? '']);
test(
  'A split is also a folder of folders',
  chosen,
  ['train/cat/a.png', 'test/cat/b.png'],
  { split: 'train' },
  'Files',
  ['train/cat/a.png'],
);
test(
  'Named pictures are taken once, and records beside them are not',
  chosen,
  [...folders, 'train.jsonl'],
  { files: ['cat/*', '**/*.png'] },
  'Files',
  ['cat/a.png'],
);
const idx = ['a/train-images-idx3-ubyte.gz', 'a/train-labels-idx1-ubyte.gz', 'x.jpg'];
test('IDX files in pairs', chosen, idx, {}, 'Files', idx.slice(0, 2));
test(
  'IDX files stand above a .json beside them',
  chosen,
  ['a/notes.json', ...idx],
  {},
  'Files',
  idx.slice(0, 2),
);

const refused = test.macro({
  title: (given = '') => given,
  exec(t, paths: readonly string[], choice: DataChoice, message: RegExp) {
    t.throws(() => selectPictures(listingOf(paths), choice), { instanceOf: UserError, message });
  },
});

test(
  'Nothing to read',
  refused,
  ['a.txt'],
  {},
  /has no \.png or \.jpg file, no records .*; it has a\.txt$/,
);
test(
  'No such split',
  refused,
  hub,
  { split: 'dev' },
  /has no file of split dev; it has data\/train/,
);
test(
  'Another format',
  refused,
  ['a/b.webp', 'a/c.png'],
  {},
  /has a\/b\.webp; pictures are read as PNG and/,
);
test(
  'IDX without labels',
  refused,
  idx.slice(0, 1),
  {},
  /has no labels beside it; they are in a\/train-labels-idx1-ubyte\.gz or a\/train-labels-idx1-ubyte$/,
);
