// A parquet file. Its reader wants a path, so each input is written to the one file that this
// process may write.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { bytesOfFiles } from '../../../worker/data/file-values.ts';
import { decodeParquet } from '../../../worker/data/parquet-decode.ts';
import { isProblem } from '../../../worker/data/reading.ts';
import type { Target } from '../target.ts';

const path = join(process.env['ANNEAL_FUZZ_SCRATCH'] ?? '.', 'input.parquet');

type Columns = Parameters<typeof parquetWriteBuffer>[0]['columnData'];

function file(columnData: Columns, codec?: 'SNAPPY' | 'UNCOMPRESSED'): Uint8Array {
  return new Uint8Array(parquetWriteBuffer({ columnData, ...(codec ? { codec } : {}) }));
}

const texts = ['one', 'two', 'two', ''];

export const target: Target = {
  seeds: [
    file([{ name: 'text', data: texts, type: 'STRING' }]),
    file([{ name: 'text', data: texts, type: 'STRING' }], 'UNCOMPRESSED'),
    file([
      { name: 'messages', data: [[{ role: 'user', content: 'a' }], []], type: 'JSON' },
      { name: 'label', data: [true, false], type: 'BOOLEAN' },
    ]),
    file([
      { name: 'input_ids', data: [1, 2, 3], type: 'INT32' },
      { name: 'x', data: [1.5, 2, 3], type: 'DOUBLE' },
    ]),
    file([
      { name: 'image', data: [Uint8Array.of(1, 2), Uint8Array.of(3)], type: 'BYTE_ARRAY' },
      { name: 'label', data: [1, 2], type: 'INT32' },
    ]),
  ],
  isIsolated: true,
  words: ['PAR1', 'text', 'messages', 'schema', 'label'],
  async run(bytes) {
    writeFileSync(path, bytes);
    const about = (bytes[8] ?? 0) % 2 === 0 ? 'Texts' : 'Pictures';
    for await (const reading of decodeParquet(path, () => undefined, about)) {
      if (isProblem(reading) && reading.problem === '') throw new Error('a problem without words');
      if (!isProblem(reading)) bytesOfFiles(reading.value);
    }
  },
  /** Sets the length of the footer to what stands before it, so that the footer itself is read. */
  repair(bytes) {
    if (bytes.length < 16) return bytes;
    const fixed = Buffer.from(bytes);
    fixed.write('PAR1', 0);
    fixed.write('PAR1', fixed.length - 4);
    if (fixed.readUInt32LE(fixed.length - 8) > fixed.length) {
      fixed.writeUInt32LE(Math.floor(fixed.length / 2), fixed.length - 8);
    }
    return fixed;
  },
};
