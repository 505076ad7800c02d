// What every place of models and data looks like from above: a list of files whose byte ranges can
// be read. Hub, bucket and folder each make one; downloading and reading of headers are written
// once, against this.

/** A digest that the place itself states for a file. */
export type FileDigest =
  | { readonly type: 'sha256'; readonly hex: string }
  /** Git's object id: SHA-1 over "blob SIZE NUL" and the content. */
  | { readonly type: 'gitBlob'; readonly hex: string }
  | { readonly type: 'md5'; readonly hex: string }
  | { readonly type: 'crc32'; readonly hex: string }
  /** Over the digests of the parts that it was uploaded in, one after the other. */
  | {
      readonly type: 'sha256OfParts' | 'crc32OfParts';
      readonly hex: string;
      readonly partBytes: readonly number[];
    };

export interface SourceFile {
  /** Relative, with forward slashes, checked by `isSafePath`. */
  readonly path: string;
  readonly bytes: number;
  /** Changes when the content changes; fit for a file name. */
  readonly version: string;
  /** What the place states about the whole content, where it states anything. */
  digest(signal: AbortSignal): Promise<FileDigest | undefined>;
  /**
   * One try to read bytes `begin` to `end` (exclusive). Throws a TransientError when trying again
   * may help.
   */
  read(begin: number, end: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

export interface SourceListing {
  /** For sentences: "meta-llama/Llama-3.2-1B at 4e20de36". */
  readonly origin: string;
  /** Names this state of the place; fit for a folder name. */
  readonly version: string;
  readonly files: readonly SourceFile[];
}

/** Names come from outside: nothing may lead out of the folder that files are put into. */
export function isSafePath(path: string): boolean {
  return (
    path.length > 0 &&
    path.length <= 1024 &&
    !path.includes('\\') &&
    !path.includes('\0') &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  );
}

export async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
