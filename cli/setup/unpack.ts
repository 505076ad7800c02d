/**
 * Unpacks chosen entries of a zip archive such as a wheel, streaming, so that a file of 450 MB is
 * never in memory. yauzl refuses absolute names and `..`; the digest of the wheel covers sizes and
 * checksums.
 */
import { createWriteStream } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import yauzl, { type Entry, type ZipFile } from 'yauzl';

interface Unpack {
  readonly archive: string;
  readonly into: string;
  /** Path below `into` for an entry, or undefined to skip it. */
  location(name: string): string | undefined;
}

/** Unpacks, and returns the number of files written. */
export async function unpack(unpacking: Unpack, signal: AbortSignal): Promise<number> {
  const zip = await promisify<string, yauzl.Options, ZipFile>(yauzl.open)(unpacking.archive, {
    lazyEntries: true,
    autoClose: false,
  });
  try {
    let count = 0;
    for await (const entry of entriesOf(zip)) {
      const location = entry.fileName.endsWith('/')
        ? undefined
        : unpacking.location(entry.fileName);
      if (location === undefined) continue;
      await write(zip, entry, join(unpacking.into, location), signal);
      count += 1;
    }
    return count;
  } finally {
    zip.close();
  }
}

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await nextEntry(zip);
    if (entry === undefined) return;
    yield entry;
  }
}

function nextEntry(zip: ZipFile): Promise<Entry | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      zip.removeAllListeners();
      act();
    };
    zip.once('entry', (entry: Entry) => settle(() => resolve(entry)));
    zip.once('end', () => settle(() => resolve(undefined)));
    zip.once('error', (error: Error) => settle(() => reject(error)));
    zip.readEntry();
  });
}

async function write(zip: ZipFile, entry: Entry, path: string, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const open = promisify(zip.openReadStream.bind(zip) as OpenStream);
  await pipeline(await open(entry), createWriteStream(path), { signal });
  const mode = (entry.externalFileAttributes >>> 16) & 0o777;
  if ((mode & 0o100) !== 0) await chmod(path, 0o755);
}

// openReadStream is overloaded; without this type promisify takes the last overload.
type OpenStream = (
  entry: Entry,
  done: (error: Error | null, stream: NodeJS.ReadableStream) => void,
) => void;
