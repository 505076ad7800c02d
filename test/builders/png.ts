// PNG files of given samples, with any filter of each row, and interlaced, as few programs write.
import { crc32, deflateSync } from 'node:zlib';

export interface PngSource {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha. */
  readonly colourType: number;
  /** One number of `depth` bits each, `[height, width, samples]`. */
  readonly samples: readonly number[];
  readonly isInterlaced?: boolean;
  /** Filter of row `row`, counted through all passes. */
  readonly filterOf?: (row: number) => number;
  readonly palette?: readonly number[];
  /** Chunks before the pixels. */
  readonly more?: readonly Buffer[];
}

const samplesOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const adam7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

export function pngOf(source: PngSource): Buffer {
  const { width, height, depth, colourType, isInterlaced = false, palette, more = [] } = source;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType, 0, 0, Number(isInterlaced)], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    ...(palette === undefined ? [] : [pngChunk('PLTE', Buffer.from(palette))]),
    ...more,
    pngChunk('IDAT', deflateSync(rowsOf(source))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

export function pngChunk(type: string, body: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(type), body]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length);
  checksum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, checksum]);
}

function rowsOf(source: PngSource): Buffer {
  const { width, height, depth, colourType, filterOf = () => 0 } = source;
  const samples = samplesOf[colourType] ?? 0;
  const unit = Math.max(1, (samples * depth) >> 3);
  const passes = source.isInterlaced ? adam7 : ([[0, 0, 1, 1]] as const);
  const rows: Buffer[] = [];
  for (const [x0, y0, dx, dy] of passes) {
    if (x0 >= width) continue;
    let above: Buffer | undefined;
    for (let y = y0; y < height; y += dy) {
      const values: number[] = [];
      for (let x = x0; x < width; x += dx) {
        const at = (y * width + x) * samples;
        values.push(...source.samples.slice(at, at + samples));
      }
      const row = packed(values, depth);
      const filter = filterOf(rows.length);
      rows.push(Buffer.concat([Buffer.from([filter]), filtered(row, above, unit, filter)]));
      above = row;
    }
  }
  return Buffer.concat(rows);
}

function packed(values: readonly number[], depth: number): Buffer {
  const bits = values.map((value) => value.toString(2).padStart(depth, '0')).join('');
  const bytes = bits.match(/.{1,8}/g) ?? [];
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2)));
}

function filtered(row: Buffer, above: Buffer | undefined, unit: number, filter: number): Buffer {
  return Buffer.from(
    row.map((value, i) => {
      const a = row[i - unit] ?? 0;
      const b = above?.[i] ?? 0;
      const c = i < unit ? 0 : (above?.[i - unit] ?? 0);
      const p = a + b - c;
      const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
      const paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
      return value - ([0, a, b, (a + b) >> 1, paeth][filter] ?? 0);
    }),
  );
}
