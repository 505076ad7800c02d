// A picture as a store keeps it: as it was decoded, or resized and cropped for its model, whichever
// has fewer bytes. Both give the same values.
import { Bug } from '../../../crds/failures/errors.ts';
import { UnusableRecord } from '../../files/unusable-record.ts';
import { type Image, toGrey } from './image.ts';
import { shaped } from './preprocess.ts';
import { fixedSize, type Preprocessing, type Size, sizeAfter } from './preprocessing.ts';

/** Width and height as u32, the number of channels, and whether it is shaped already; padded. */
const headBytes = 12;

/**
 * @param size of the pictures that the model reads
 *
 * Throws UnusableRecord, which completes "FILE …", for a picture that would get another size.
 */
export function packPicture(picture: Image, how: Preprocessing, size: Size): Uint8Array {
  const image = how.channels === 1 ? toGrey(picture) : picture;
  const resized = sizeAfter(image, how.resize);
  requireSize(image, fixedSize(how) ?? resized, size);
  const isShaped = size.width * size.height <= image.width * image.height;
  const { width, height, channels, pixels } = isShaped ? shaped(image, how) : image;
  const packed = new Uint8Array(headBytes + pixels.length);
  const view = new DataView(packed.buffer);
  view.setUint32(0, width, true);
  view.setUint32(4, height, true);
  packed.set([channels, isShaped ? 1 : 0], 8);
  packed.set(pixels, headBytes);
  return packed;
}

/** A packed picture as the model reads it, in bytes. */
export function unpackShaped(packed: Uint8Array, how: Preprocessing): Image {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const [width, height] = [view.getUint32(0, true), view.getUint32(4, true)];
  const channels = packed[8] === 1 ? 1 : 3;
  const pixels = packed.subarray(headBytes);
  if (pixels.length !== width * height * channels) throw new Bug('a stored picture of other bytes');
  const image = { width, height, channels, pixels } as const;
  return packed[9] === 1 ? image : shaped(image, how);
}

/** Of a packed picture, for people. */
export function pictureInWords(packed: Uint8Array): string {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const size = `${view.getUint32(0, true)} x ${view.getUint32(4, true)} pixels`;
  return `${size}, ${packed[8] === 1 ? 'grey' : 'RGB'}${packed[9] === 1 ? ', resized' : ''}`;
}

function requireSize(from: Size, made: Size, wanted: Size): void {
  if (made.width === wanted.width && made.height === wanted.height) return;
  const is = `is ${from.width} x ${from.height} pixels`;
  const becomes =
    made.width === from.width && made.height === from.height
      ? ''
      : `, which preprocessing makes ${made.width} x ${made.height}`;
  throw new UnusableRecord(
    `${is}${becomes}; the model reads ${wanted.width} x ${wanted.height} · ` +
      'let preprocessor_config.json resize or crop to it',
  );
}
