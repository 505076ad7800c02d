// Pictures: PNG, JPEG and IDX by their first bytes, with what is made of them.
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { decodeImage } from '../../../worker/data/images/decode.ts';
import { idxImage, readIdxImages, readIdxLabels } from '../../../worker/data/images/idx.ts';
import type { Image } from '../../../worker/data/images/image.ts';
import { UnusableRecord } from '../../../worker/files/unusable-record.ts';
import { pngOf } from '../../builders/png.ts';
import type { Target } from '../target.ts';

const limits = { bytes: 4096, pixels: 16_384 };
const idxLimits = { bytes: 4096, unpacked: 65_536 };

const { jpeg } = JSON.parse(
  readFileSync(new URL('../../golden/pictures.json', import.meta.url), 'utf8'),
) as { readonly jpeg: Readonly<Record<string, { readonly file: string }>> };

const samples = Array.from({ length: 300 }, (_, i) => (i * i) % 256);
const filterOf = (row: number) => row % 5;
const png = { width: 10, height: 10, depth: 8, colourType: 2, samples, filterOf };
const bits = { ...png, depth: 1, colourType: 0, samples: samples.map((value) => value % 2) };

export const target: Target = {
  seeds: [
    pngOf(png),
    pngOf({ ...png, isInterlaced: true }),
    pngOf(bits),
    pngOf({ ...bits, colourType: 3, palette: [1, 2, 3, 4, 5, 6], isInterlaced: true }),
    pngOf({ ...png, width: 5, height: 5, depth: 16, colourType: 6 }),
    ...Object.values(jpeg).map(({ file }) => Buffer.from(file, 'base64')),
    Buffer.from('00000803000000010000000200000003010203040506', 'hex'),
    Buffer.from('000008010000000207ff', 'hex'),
  ],
  words: [
    ...['IHDR', 'IDAT', 'IEND', 'PLTE', 'tRNS', 'eXIf', 'Exif\0\0MM\0*\0\0\0\b', 'Adobe', 'JFIF\0'],
    ...['ffd8', 'ffd9', 'ffda', 'ffdd', 'ffc0', 'ffc2', 'ffc4', 'ffdb', 'ffd0', 'ff00'].map((hex) =>
      Buffer.from(hex, 'hex').toString('latin1'),
    ),
  ],
  run(bytes) {
    if (bytes[0] === 0 || bytes[0] === 0x1f) {
      readIdx(bytes);
      return;
    }
    try {
      whole(decodeImage(bytes, limits));
    } catch (error) {
      if (!(error instanceof UnusableRecord)) throw error;
    }
  },
  /** Checksums of the chunks of a PNG, so that what they hold is read. */
  repair(bytes) {
    const fixed = Buffer.from(bytes);
    for (let at = 8; fixed[0] === 0x89 && at + 12 <= fixed.length; ) {
      const end = at + 8 + fixed.readUInt32BE(at);
      if (end + 4 > fixed.length) break;
      fixed.writeUInt32BE(crc32(fixed.subarray(at + 4, end)), end);
      at = end + 4;
    }
    return fixed;
  },
};

function readIdx(bytes: Uint8Array): void {
  if (bytes[3] === 1) {
    readIdxLabels(bytes, 'labels', idxLimits);
    return;
  }
  const images = readIdxImages(bytes, 'images', idxLimits);
  if (images.count > 0) whole(idxImage(images, images.count - 1));
}

function whole({ width, height, channels, pixels }: Image): void {
  if (pixels.length === width * height * channels && pixels.length > 0) return;
  throw new Error(`${pixels.length} samples for ${width} x ${height} x ${channels}`);
}
