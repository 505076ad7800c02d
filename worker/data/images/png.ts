// PNG to grey or RGB of 8 bits: chunks, the inflated data of exactly the size that the header
// implies, filters, interlacing (W3C Recommendation, Portable Network Graphics, third edition).
import { crc32, inflateSync } from 'node:zlib';
import { UnusableRecord } from '../../files/unusable-record.ts';
import { type Image, type ImageLimits, requireSize } from './image.ts';
import { unfilter } from './png-filter.ts';

export const pngSignature: readonly number[] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

interface Header {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample. */
  readonly depth: number;
  readonly colour: Colour;
  readonly isInterlaced: boolean;
}

interface Colour {
  readonly name: string;
  readonly samples: number;
  readonly depths: readonly number[];
  /** Of the picture. */
  readonly channels: 1 | 3;
}

const palette: Colour = { name: 'palette', samples: 1, depths: [1, 2, 4, 8], channels: 3 };

const colours: Readonly<Record<number, Colour>> = {
  0: { name: 'grey', samples: 1, depths: [1, 2, 4, 8, 16], channels: 1 },
  2: { name: 'RGB', samples: 3, depths: [8, 16], channels: 3 },
  3: palette,
  4: { name: 'grey with alpha', samples: 2, depths: [8, 16], channels: 1 },
  6: { name: 'RGB with alpha', samples: 4, depths: [8, 16], channels: 3 },
};

/** A part of the picture that is filtered by itself: all of it, or one of Adam7's seven. */
interface Pass {
  readonly x: number;
  readonly y: number;
  readonly stepX: number;
  readonly stepY: number;
}

const whole: readonly Pass[] = [{ x: 0, y: 0, stepX: 1, stepY: 1 }];
const adam7: readonly Pass[] = [
  { x: 0, y: 0, stepX: 8, stepY: 8 },
  { x: 4, y: 0, stepX: 8, stepY: 8 },
  { x: 0, y: 4, stepX: 4, stepY: 8 },
  { x: 2, y: 0, stepX: 4, stepY: 4 },
  { x: 0, y: 2, stepX: 2, stepY: 4 },
  { x: 1, y: 0, stepX: 2, stepY: 2 },
  { x: 0, y: 1, stepX: 1, stepY: 2 },
];

/** Deflate makes at most 1032 bytes of one. */
const deflateRatio = 1032;
/** Encoders may leave some bytes behind the last row. */
const slack = 65_536;

/** Throws UnusableRecord for a file that is damaged, too large or of a kind that is not read. */
export function decodePng(
  bytes: Uint8Array,
  limits: ImageLimits,
): { readonly image: Image; readonly exif: Uint8Array | undefined } {
  const { header, colours: table, exif, data } = readChunks(bytes, limits);
  const { width, height, colour, isInterlaced } = header;
  const passes = (isInterlaced ? adam7 : whole).filter(({ x, y }) => x < width && y < height);
  const size = passes.reduce((sum, pass) => sum + sizeOf(pass, header).bytes, 0);
  const rows = inflated(data, size);
  const pixels = new Uint8Array(width * height * colour.channels);
  let at = 0;
  for (const pass of passes) {
    const { bytes: length } = sizeOf(pass, header);
    readPass(rows.subarray(at, at + length), pass, header, table, pixels);
    at += length;
  }
  return { image: { width, height, channels: colour.channels, pixels }, exif };
}

function readChunks(bytes: Uint8Array, limits: ImageLimits) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  let table: Uint8Array | undefined;
  let exif: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  for (let at = pngSignature.length; ; ) {
    if (at + 12 > bytes.length) throw damaged('ends before its last chunk');
    const length = view.getUint32(at);
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString('latin1');
    const end = at + 8 + length;
    if (end + 4 > bytes.length) throw damaged(`ends in the chunk ${JSON.stringify(type)}`);
    const body = bytes.subarray(at + 8, end);
    // Lower case: nothing that the pixels depend on, so its damage changes nothing.
    const isCritical = ((bytes[at + 4] ?? 0) & 0x20) === 0;
    if (isCritical && crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end)) {
      throw damaged(`has a chunk ${JSON.stringify(type)} with another checksum than stated`);
    }
    at = end + 4;
    if (header === undefined) {
      if (type !== 'IHDR' || length !== 13) throw damaged('does not begin with its header');
      header = readHeader(body, limits);
    } else if (type === 'PLTE') table = body;
    else if (type === 'IDAT') data.push(body);
    else if (type === 'eXIf') exif = body;
    else if (type === 'IEND') {
      return { header, colours: requirePalette(header, table), exif, data: Buffer.concat(data) };
    } else if (isCritical) throw damaged(`has the unknown chunk ${JSON.stringify(type)}`);
  }
}

function readHeader(body: Uint8Array, limits: ImageLimits): Header {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth = 0, colourType = 0, compression, filter, interlace = 0] = body.subarray(8);
  requireSize('PNG', width, height, limits);
  const colour = colours[colourType];
  if (colour === undefined || !colour.depths.includes(depth)) {
    throw damaged(`states colour type ${colourType} with ${depth} bits`);
  }
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw damaged(`states compression ${compression}, filter ${filter}, interlace ${interlace}`);
  }
  if (depth === 16 && colourType === 0) {
    throw new UnusableRecord(
      'is a PNG of 16 bit grey; grey of 1 to 8 bits is read · convert it to 8 bits',
    );
  }
  return { width, height, depth, colour, isInterlaced: interlace === 1 };
}

function requirePalette({ colour }: Header, table: Uint8Array | undefined): Uint8Array {
  if (colour !== palette) return new Uint8Array(0);
  if (table === undefined || table.length % 3 !== 0 || table.length > 768) {
    throw damaged('has a palette that is missing or not of 1 to 256 colours');
  }
  return table;
}

function sizeOf(pass: Pass, { width, height, depth, colour }: Header) {
  const columns = Math.ceil((width - pass.x) / pass.stepX);
  const rows = Math.ceil((height - pass.y) / pass.stepY);
  const rowBytes = Math.ceil((columns * colour.samples * depth) / 8);
  return { columns, rows, rowBytes, bytes: rows * (1 + rowBytes) };
}

function inflated(data: Uint8Array, size: number): Uint8Array {
  const tooShort = () => damaged('has fewer pixels than its header states');
  if (data.length * deflateRatio < size) throw tooShort();
  let rows: Uint8Array;
  try {
    rows = inflateSync(data, { maxOutputLength: size + slack });
  } catch (cause) {
    throw damaged('has packed pixels that cannot be unpacked', cause);
  }
  if (rows.length < size) throw tooShort();
  return rows;
}

/** Filters are undone in `rows` itself; the samples go to `pixels`. */
function readPass(
  rows: Uint8Array,
  pass: Pass,
  header: Header,
  table: Uint8Array,
  pixels: Uint8Array,
): void {
  const { width, depth, colour } = header;
  const { columns, rows: count, rowBytes } = sizeOf(pass, header);
  const unit = Math.max(1, (colour.samples * depth) >> 3);
  const samples = new Uint8Array(columns * colour.samples);
  let above = new Uint8Array(rowBytes);
  for (let row = 0; row < count; row += 1) {
    const start = row * (1 + rowBytes);
    const current = rows.subarray(start + 1, start + 1 + rowBytes);
    if (!unfilter(rows[start] ?? 0, current, above, unit)) {
      throw damaged(`has the unknown filter ${rows[start]}`);
    }
    above = current as Uint8Array<ArrayBuffer>;
    unpack(current, depth, colour === palette, samples);
    const to = (pass.y + row * pass.stepY) * width + pass.x;
    if (colour === palette) lookUp(samples, table, pixels, to, pass.stepX);
    else place(samples, colour, pixels, to, pass.stepX);
  }
}

/** Samples of any depth to 8 bits; numbers of a palette stay as they are. */
function unpack(row: Uint8Array, depth: number, isIndex: boolean, samples: Uint8Array): void {
  if (depth >= 8) {
    const step = depth / 8;
    for (let i = 0; i < samples.length; i += 1) samples[i] = row[i * step] ?? 0;
    return;
  }
  const most = (1 << depth) - 1;
  const scale = isIndex ? 1 : 255 / most;
  for (let i = 0; i < samples.length; i += 1) {
    const bit = i * depth;
    samples[i] = (((row[bit >> 3] ?? 0) >> (8 - depth - (bit & 7))) & most) * scale;
  }
}

function place(
  samples: Uint8Array,
  { samples: width, channels }: Colour,
  pixels: Uint8Array,
  first: number,
  step: number,
): void {
  const count = samples.length / width;
  for (let i = 0; i < count; i += 1) {
    const to = (first + i * step) * channels;
    for (let c = 0; c < channels; c += 1) pixels[to + c] = samples[i * width + c] ?? 0;
  }
}

function lookUp(
  samples: Uint8Array,
  table: Uint8Array,
  pixels: Uint8Array,
  first: number,
  step: number,
): void {
  for (let i = 0; i < samples.length; i += 1) {
    const from = 3 * (samples[i] ?? 0);
    if (from >= table.length) {
      throw damaged(`has a pixel of colour ${samples[i]} in a palette of ${table.length / 3}`);
    }
    pixels.set(table.subarray(from, from + 3), 3 * (first + i * step));
  }
}

function damaged(problem: string, cause?: unknown): UnusableRecord {
  const message = `is a damaged PNG: it ${problem}; pictures are read whole · replace it`;
  return new UnusableRecord(message, { cause });
}
