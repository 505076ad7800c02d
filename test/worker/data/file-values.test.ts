import test from 'ava';
import { bytesOfFiles, withOwnBytes } from '../../../worker/data/file-values.ts';

test('bytes of a row group become bytes of their own, and are counted', (t) => {
  // Where `slice` gives a view.
  const group = Buffer.alloc(100, 7);
  const own = withOwnBytes({ image: { bytes: group.subarray(10, 20) }, label: 1 });
  t.is(bytesOfFiles(own), 10);
  t.deepEqual(own, { image: { bytes: new Uint8Array(10).fill(7) }, label: 1 });
  const { image } = own as { image: { bytes: Uint8Array } };
  t.is(image.bytes.buffer.byteLength, 10);
  t.is(bytesOfFiles('a'), 0);
});
