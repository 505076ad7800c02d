import { gzipSync } from 'node:zlib';
import test from 'ava';
import { UserError } from '../../../../crds/failures/errors.ts';
import { idxImage, readIdxImages, readIdxLabels } from '../../../../worker/data/images/idx.ts';

const images = Buffer.from('00000803000000020000000200000003010203040506070809101112', 'hex');
const labels = Buffer.from('000008010000000207ff', 'hex');

test('Pictures and labels are read, packed or not', (t) => {
  for (const bytes of [images, gzipSync(images)]) {
    const read = readIdxImages(bytes, 'a');
    t.deepEqual([read.count, read.height, read.width], [2, 2, 3]);
    const second = idxImage(read, 1);
    t.deepEqual([second.width, second.height, second.channels], [3, 2, 1]);
    t.deepEqual([...second.pixels], [7, 8, 9, 0x10, 0x11, 0x12]);
  }
  t.deepEqual([...readIdxLabels(gzipSync(labels), 'a')], [7, 255]);
});

test('What is no IDX file, is cut or too long is refused by name', (t) => {
  const refused = (body: () => unknown, message: string | RegExp) =>
    t.throws(body, { instanceOf: UserError, message });
  const kind = 'l begins with 00000801; a file of IDX pictures begins with 00000803';
  refused(() => readIdxImages(labels, 'l'), kind);
  refused(
    () => readIdxLabels(new Uint8Array(), 'l'),
    /^l begins with nothing; a file of IDX labels /,
  );
  const cut = 'i states 2 x 2 x 3 bytes, and has 11; both must be equal';
  refused(() => readIdxImages(images.subarray(0, -1), 'i'), cut);
  const damaged = 'i is packed with gzip and damaged; it is read whole';
  refused(() => readIdxImages(gzipSync(images).subarray(0, -9), 'i'), damaged);
  const limits = { bytes: 100, unpacked: 20 };
  refused(() => readIdxImages(gzipSync(images), 'i', limits), /^i unpacks to more than 20 bytes/);
  refused(() => readIdxImages(images, 'i', { ...limits, bytes: 9 }), /^i has 28 bytes; at most 9 /);
  const flat = Buffer.from('00000803000000020000000000000003', 'hex');
  refused(() => readIdxImages(flat, 'i'), /^i has pictures of 3 x 0 pixels; /);
});
