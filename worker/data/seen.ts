// Describes a file without readable records by its first bytes, without quoting it: records are
// user data and stay out of messages, and a file named by mistake may contain anything.
import { byteChunks, isDamagedPacking } from './byte-stream.ts';

interface Seen {
  /** Completes the sentence "FILE holds …". */
  readonly what: string;
  readonly hint: string;
}

const headBytes = 16 * 1024;
/** A single line with separators may be coincidence. */
const fewestRows = 2;

/** Undefined for an empty file. */
export async function seenIn(path: string, signal: AbortSignal): Promise<Seen | undefined> {
  try {
    for await (const chunk of byteChunks(path, () => undefined, signal)) {
      if (chunk.length > 0) return seenInBytes(chunk.subarray(0, headBytes));
    }
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!isDamagedPacking(error)) throw error;
    return { what: 'packed data that is damaged', hint: recordsHint };
  }
}

export function seenInBytes(head: Buffer): Seen {
  const known = signatures.find(({ begin }) => head.indexOf(begin) === 0);
  if (known !== undefined) return known;
  if (head.includes(0) || !isText(head)) {
    return { what: 'bytes that are not text', hint: recordsHint };
  }
  return seenInText(head.toString('utf8').replace(/^\ufeff/, ''));
}

const recordsHint =
  'records are JSON lines, a JSON list, parquet (.parquet) or plain text (.txt), also packed by gzip or zstd';

const signatures: readonly (Seen & { readonly begin: Buffer | string })[] = [
  { begin: 'PAR1', what: 'parquet under another name', hint: 'let its name end in .parquet' },
  { begin: 'PK\x03\x04', what: 'a zip archive', hint: 'unpack it, and name the file inside' },
  { begin: '%PDF-', what: 'a PDF', hint: recordsHint },
  { begin: 'ARROW1', what: 'an Arrow file', hint: 'write it as parquet' },
  { begin: 'SQLite format 3', what: 'a database of SQLite', hint: recordsHint },
  { begin: 'GGUF', what: 'a model in GGUF', hint: recordsHint },
];

/** The last character may be incomplete. */
function isText(head: Buffer): boolean {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    decoder.decode(head, { stream: true });
    return true;
  } catch {
    return false; // the only error of a fatal decoder
  }
}

function seenInText(text: string): Seen {
  const begin = text.trimStart();
  if (begin === '') return { what: 'nothing but blanks', hint: recordsHint };
  if (begin.startsWith('<')) return { what: 'markup such as HTML or XML', hint: recordsHint };
  if (/^[{[]/.test(begin)) return { what: 'JSON that is damaged or cut off', hint: recordsHint };
  const lines = text.split('\n').slice(0, 100);
  // The last line may be incomplete.
  const rows = lines.slice(0, Math.max(1, lines.length - 1)).filter((line) => line.trim() !== '');
  for (const [separator, name] of separators) {
    const fields = rows[0]?.split(separator).length ?? 1;
    const isTable = fields > 1 && rows.every((row) => row.split(separator).length === fields);
    if (isTable && rows.length >= fewestRows) {
      const what = `lines of ${fields} fields between ${name}`;
      return { what, hint: 'write a table as JSON lines, one object a line, or as parquet' };
    }
  }
  const hint = 'plain text needs a file whose name ends in .txt; chats are JSON lines';
  return { what: 'plain text', hint };
}

const separators = [
  ['\t', 'tabs'],
  [',', 'commas'],
  [';', 'semicolons'],
  [':', 'colons'],
  ['|', 'bars'],
] as const;
