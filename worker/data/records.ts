// Reads one file of records in any format: parquet and text by name, JSON by its first byte: `[`
// begins an array, `{` a line, since data.json may be either.
import { byteChunks, firstByte, isDamagedPacking } from './byte-stream.ts';
import type { About } from './formats.ts';
import { readJsonArray } from './json-array.ts';
import { readJsonLines } from './jsonl.ts';
import { readParquet } from './parquet.ts';
import type { Reading } from './reading.ts';
import { readText } from './text.ts';

/** Name endings of record files, without .gz and .zst. */
const recordFileEndings: readonly string[] = ['.jsonl', '.json', '.ndjson', '.parquet', '.txt'];

export function isRecordFile(name: string): boolean {
  const plain = plainName(name);
  return recordFileEndings.some((ending) => plain.endsWith(ending));
}

export async function* readRecords(
  path: string,
  onBytes: (count: number) => void,
  signal: AbortSignal,
  about: About = 'Texts',
): AsyncGenerator<Reading> {
  let line = 1;
  try {
    for await (const reading of await openRecords(path, onBytes, signal, about)) {
      line = reading.line;
      yield reading;
    }
  } catch (error) {
    // A stopped stream throws an error of its own.
    signal.throwIfAborted();
    if (!isDamagedPacking(error)) throw error;
    yield {
      line,
      problem: 'is truncated: the packed data after it is damaged or missing',
      ends: true,
    };
  }
}

async function openRecords(
  path: string,
  onBytes: (count: number) => void,
  signal: AbortSignal,
  about: About,
): Promise<AsyncIterable<Reading>> {
  const name = plainName(path);
  if (name.endsWith('.parquet')) return readParquet({ path, about }, onBytes, signal);
  const chunks = byteChunks(path, onBytes, signal);
  if (name.endsWith('.txt')) return readText(chunks);
  const isArray = (await firstByte(path, signal)) === '['.charCodeAt(0);
  return isArray ? readJsonArray(chunks) : readJsonLines(chunks);
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/\.(gz|zst|zstd)$/, '');
}
