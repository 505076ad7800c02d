// Parquet: row group by row group, only the columns that some shape of record reads. Rows count from 1, as lines do.
import { type FileHandle, open } from 'node:fs/promises';
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { recordKeys } from './formats.ts';
import type { Reading } from './reading.ts';

export async function* readParquet(path: string, signal: AbortSignal): AsyncGenerator<Reading> {
  await using handle = await open(path);
  const file = await asBuffer(handle);
  let row = 0;
  try {
    const metadata = await parquetMetadataAsync(file);
    const columns = columnsToRead(metadata);
    for (const group of metadata.row_groups) {
      signal.throwIfAborted();
      const rowEnd = row + Number(group.num_rows);
      const options = { file, metadata, columns, compressors, rowStart: row, rowEnd };
      for (const value of await parquetReadObjects(options)) {
        row += 1;
        yield { line: row, value };
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    // Any error of the library means that the bytes are not what they claim; its text names the structure.
    const reason = error instanceof Error ? error.message : String(error);
    yield { line: row + 1, problem: `cannot be read as parquet: ${reason}`, ends: true };
  }
}

/** All columns when none is known: detection then names those that it saw. */
function columnsToRead(metadata: FileMetaData): string[] {
  const names = parquetSchema(metadata).children.map((child) => child.element.name);
  const known = names.filter((name) => recordKeys.has(name));
  return known.length > 0 ? known : names;
}

async function asBuffer(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    slice: async (start, end = size) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(
          bytes,
          filled,
          bytes.length - filled,
          start + filled,
        );
        if (bytesRead === 0) throw new Error('the file ends early');
        filled += bytesRead;
      }
      return bytes.buffer;
    },
  };
}
