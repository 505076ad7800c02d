// A file that is being fetched: full size from the start, with holes for missing bytes, and a
// journal of the extents that have arrived. Each extent is appended to the journal after its bytes,
// so a killed process leaves a state from which the next one resumes; an incomplete last line is
// ignored.
import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { type Extent, gaps, merge } from './extents.ts';

interface PartialIdentity {
  readonly bytes: number;
  /** Of the content; a file of another version is discarded. */
  readonly version: string;
  /**
   * Whether bytes are synced before the journal: for content without a digest that would reveal a
   * loss after a power failure.
   */
  readonly durable: boolean;
}

export class PartialFile implements AsyncDisposable {
  readonly path: string;
  readonly #journalPath: string;
  readonly #data: FileHandle;
  readonly #journal: FileHandle;
  readonly #identity: PartialIdentity;
  #extents: readonly Extent[];

  private constructor(
    path: string,
    files: { readonly data: FileHandle; readonly journal: FileHandle },
    extents: readonly Extent[],
    identity: PartialIdentity,
  ) {
    this.path = path;
    this.#journalPath = journalOf(path);
    this.#data = files.data;
    this.#journal = files.journal;
    this.#extents = extents;
    this.#identity = identity;
  }

  /** The caller must hold the lock of the file. */
  static async open(path: string, identity: PartialIdentity): Promise<PartialFile> {
    const known = await readJournal(journalOf(path), identity);
    const data = known && (await openIfSized(path, identity.bytes));
    if (known && data) {
      const journal = await open(journalOf(path), 'a');
      // Terminates an incomplete line, so that the next one is valid.
      await journal.write('\n');
      return new PartialFile(path, { data, journal }, known, identity);
    }
    const fresh = await open(path, 'w+');
    await fresh.truncate(identity.bytes);
    await writeFile(journalOf(path), headOf(identity));
    const journal = await open(journalOf(path), 'a');
    return new PartialFile(path, { data: fresh, journal }, [], identity);
  }

  /** Number of bytes that have arrived. */
  get held(): number {
    return this.#extents.reduce((sum, { begin, end }) => sum + end - begin, 0);
  }

  /** The missing extents, each of at most `pieceBytes`. */
  missing(pieceBytes: number): readonly Extent[] {
    return gaps(this.#extents, this.#identity.bytes).flatMap(({ begin, end }) => {
      const count = Math.ceil((end - begin) / pieceBytes);
      return Array.from({ length: count }, (_, i) => ({
        begin: begin + i * pieceBytes,
        end: Math.min(end, begin + (i + 1) * pieceBytes),
      }));
    });
  }

  async write(begin: number, chunks: readonly Uint8Array[]): Promise<void> {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    await writeFully(this.#data, chunks, begin, length);
    if (this.#identity.durable) await this.#data.datasync();
    await this.#journal.write(`${begin} ${begin + length}\n`);
    this.#extents = merge([...this.#extents, { begin, end: begin + length }]);
  }

  /** Syncs the complete file and renames it to `target`. */
  async finish(target: string): Promise<void> {
    await this.#data.sync();
    await rename(this.path, target);
    await rm(this.#journalPath, { force: true });
  }

  /** Discards all bytes, for content that failed its check. */
  async restart(): Promise<void> {
    this.#extents = [];
    await this.#journal.truncate(0);
    await this.#journal.write(headOf(this.#identity));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#data.close();
    await this.#journal.close();
  }
}

function journalOf(path: string): string {
  return `${path}.journal`;
}

function headOf(identity: PartialIdentity): string {
  return `anneal-partial 1 ${identity.bytes} ${identity.version}\n`;
}

async function writeFully(
  file: FileHandle,
  chunks: readonly Uint8Array[],
  position: number,
  length: number,
): Promise<void> {
  const { bytesWritten } = await file.writev(chunks, position);
  if (bytesWritten === length) return;
  // A short write is rare (a signal, a nearly full disk); writing the rest reports the reason.
  const rest = Buffer.concat(chunks).subarray(bytesWritten);
  await writeFully(file, [rest], position + bytesWritten, rest.length);
}

async function readJournal(
  path: string,
  identity: PartialIdentity,
): Promise<readonly Extent[] | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  if (!text.startsWith(headOf(identity))) return undefined;
  const lines = text.split('\n').slice(1);
  const complete = lines.slice(0, -1);
  return merge(
    complete.flatMap((line) => {
      const [begin, end, ...more] = line.split(' ').map(Number);
      const sound = begin !== undefined && end !== undefined && more.length === 0;
      return sound && begin >= 0 && begin < end && end <= identity.bytes ? [{ begin, end }] : [];
    }),
  );
}

async function openIfSized(path: string, bytes: number): Promise<FileHandle | undefined> {
  const file = await open(path, 'r+').catch(() => undefined);
  if (file && (await file.stat()).size === bytes) return file;
  await file?.close();
  return undefined;
}
