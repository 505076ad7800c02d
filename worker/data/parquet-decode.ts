// Decodes parquet row group by row group, reading only the columns of some record shape. Rows count
// from 1, like lines. Runs in a thread (see parquet.ts) and is stopped by ending the thread.
import { type FileHandle, open } from 'node:fs/promises';
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { withOwnBytes } from './file-values.ts';
import { type About, recordKeys } from './formats.ts';
import type { Reading } from './reading.ts';

export async function* decodeParquet(
  path: string,
  onBytes: (count: number) => void,
  about: About = 'Texts',
): AsyncGenerator<Reading> {
  await using handle = await open(path);
  const file = await asBuffer(handle, onBytes);
  let row = 0;
  try {
    const metadata = await parquetMetadataAsync(file);
    const columns = columnsToRead(metadata, about);
    for (const group of metadata.row_groups) {
      const rowEnd = row + rowsOf(group.num_rows);
      // Bytes without a type are texts in files about texts alone.
      const utf8 = about === 'Texts';
      const options = { file, metadata, columns, compressors, utf8, rowStart: row, rowEnd };
      for (const value of await parquetReadObjects(options)) {
        row += 1;
        yield { line: row, value: utf8 ? value : withOwnBytes(value) };
      }
    }
  } catch (error) {
    // Any error of the library means that the file is damaged; its text names the structure.
    const reason = error instanceof Error ? error.message : String(error);
    yield { line: row + 1, problem: `cannot be read as parquet: ${reason}`, ends: true };
  }
}

const maxGroupRows = 1 << 24;

function rowsOf(count: bigint): number {
  if (count >= 0n && count <= BigInt(maxGroupRows)) return Number(count);
  throw new Error(`a row group of ${count} rows; it must have 0 to ${maxGroupRows}`);
}

/** All columns when no shape knows any: detection then names those it found. */
function columnsToRead(metadata: FileMetaData, about: About): string[] {
  const names = parquetSchema(metadata).children.map((child) => child.element.name);
  const known = names.filter((name) => recordKeys[about].has(name));
  return known.length > 0 ? known : names;
}

async function asBuffer(
  handle: FileHandle,
  onBytes: (count: number) => void,
): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    slice: async (start, end = size) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
      let filled = 0;
      while (filled < bytes.length) {
        const left = bytes.length - filled;
        const { bytesRead } = await handle.read(bytes, filled, left, start + filled);
        if (bytesRead === 0) throw new Error('the file ends early');
        filled += bytesRead;
      }
      onBytes(filled);
      return bytes.buffer;
    },
  };
}
