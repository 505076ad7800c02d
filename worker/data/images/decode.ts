// The file of a picture → the picture: PNG or JPEG by its first bytes, turned as its EXIF field
// says.
import { UnusableRecord } from '../../files/unusable-record.ts';
import { type Image, type ImageLimits, imageLimits } from './image.ts';
import { decodeJpeg } from './jpeg.ts';
import { orientationOf, turned } from './orientation.ts';
import { decodePng, pngSignature } from './png.ts';

/**
 * Decodes a PNG or a JPEG. The samples are those of Pillow: `open`, `exif_transpose`, then
 * `convert('L')` for grey files and `convert('RGB')` for others.
 *
 * Alpha is dropped; a palette becomes its colours; colours of 16 bits keep their upper 8. Refused
 * are grey of 16 bits, which Pillow cuts off at 255, and JPEG of other than 1 or 3 components.
 *
 * Throws UnusableRecord, which completes "FILE …", for everything that cannot be read whole.
 */
export function decodeImage(bytes: Uint8Array, limits: ImageLimits = imageLimits): Image {
  if (bytes.length > limits.bytes) {
    throw new UnusableRecord(
      `has ${bytes.length} bytes; pictures of at most ${limits.bytes} are read · make it smaller`,
    );
  }
  const isPng = pngSignature.every((byte, at) => bytes[at] === byte);
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
  if (!isPng && !isJpeg) {
    throw new UnusableRecord(
      `is neither PNG nor JPEG by its first bytes; only these are read · convert it to PNG`,
    );
  }
  const { image, exif } = isPng ? decodePng(bytes, limits) : decodeJpeg(bytes, limits);
  return exif === undefined ? image : turned(image, orientationOf(exif));
}
