// The common interface of sources of models and data: a list of files with readable byte ranges.
// Hub, bucket and folder implement it; downloads and header reads use it.

/** A digest that the source states for a file. */
export type FileDigest =
  | { readonly type: 'sha256'; readonly hex: string }
  /** Git's object id: SHA-1 over "blob SIZE NUL" and the content. */
  | { readonly type: 'gitBlob'; readonly hex: string }
  | { readonly type: 'md5'; readonly hex: string }
  | { readonly type: 'crc32'; readonly hex: string }
  /** Over the concatenated digests of the uploaded parts. */
  | {
      readonly type: 'sha256OfParts' | 'crc32OfParts';
      readonly hex: string;
      readonly partBytes: readonly number[];
    };

export interface SourceFile {
  /** Relative, with forward slashes, checked by `isSafePath`. */
  readonly path: string;
  readonly bytes: number;
  /** Changes with the content; usable as a file name. */
  readonly version: string;
  /** The digest that the source states for the whole content, if any. */
  digest(signal: AbortSignal): Promise<FileDigest | undefined>;
  /**
   * Reads bytes `begin` to `end` (exclusive), without a retry. Throws a TransientError when a retry
   * may help.
   */
  read(begin: number, end: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

export interface SourceListing {
  /** For messages: "meta-llama/Llama-3.2-1B at 4e20de36". */
  readonly origin: string;
  /** Names this state of the source; usable as a folder name. */
  readonly version: string;
  readonly files: readonly SourceFile[];
}

/** Untrusted names must not lead out of the folder that files are put into. */
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
