// Pictures as PNG files (W3C Recommendation, Portable Network Graphics, third edition): one chunk
// of data, rows without a filter.
import { crc32, deflateSync } from 'node:zlib';
import type { Image } from './image.ts';
import { pngSignature } from './png.ts';

/** Types of colour in the header, by channels. */
const colourTypes = { 1: 0, 3: 2 } as const;

export function pngOf({ width, height, channels, pixels }: Image): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  header[9] = colourTypes[channels];
  const row = width * channels;
  const rows = Buffer.alloc(height * (1 + row));
  for (let y = 0; y < height; y += 1) {
    rows.set(pixels.subarray(y * row, (y + 1) * row), y * (1 + row) + 1);
  }
  return Buffer.concat([
    Buffer.from(pngSignature),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(name: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  size.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([size, named, sum]);
}
