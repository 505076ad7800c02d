// Messages between the reading thread and the tokenising threads: records in, tokens out, as flat
// arrays that are transferred without a copy.
import type { Sample } from '../data/sample.ts';
import { TookTooLong, withinTime } from '../data/time-limit.ts';
import type { Encoder, Kept, Skipped } from './encode-sample.ts';

/** A record, or why it cannot be read. */
export type BatchItem =
  | { readonly line: number; readonly sample: Sample }
  | { readonly line: number; readonly problem: string };

export interface Batch {
  /** Index of the file. */
  readonly file: number;
  readonly items: readonly BatchItem[];
  /** Approximate length of all texts together; a picture or sound counts as a text of its time. */
  readonly characters: number;
}

/**
 * Time limits of a batch. Tokenising takes a microsecond for a character; the machine may be busy.
 */
export interface TimeLimits {
  readonly batchMs: number;
  readonly characterMs: number;
}

export const usualTimeLimits: TimeLimits = { batchMs: 60_000, characterMs: 0.05 };

export interface EncodedBatch {
  readonly file: number;
  readonly records: readonly EncodedRecord[];
  /** Tokens of all documents of all records, back to back. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** One for each token. */
  readonly marks: Uint8Array<ArrayBuffer>;
  /** One for each document, where documents have pictures or sounds. */
  readonly packed: readonly Uint8Array[];
}

/** What another thread takes over without a copy. */
export function buffersOf({ ids, marks, packed }: EncodedBatch): ArrayBuffer[] {
  const own = packed.map(({ buffer }) => buffer);
  return [ids.buffer, marks.buffer, ...own.filter((buffer) => buffer instanceof ArrayBuffer)];
}

export type EncodedRecord =
  | {
      readonly line: number;
      /** Number of tokens of each document. */
      readonly lengths: readonly number[];
      /** Of its one document; undefined where next tokens are learned. */
      readonly class: number | undefined;
      readonly lost: number;
      readonly silent: boolean;
    }
  | (Skipped & { readonly line: number });

/** A batch that exceeded its time, and the line of the record it was at. */
export interface StuckBatch {
  readonly file: number;
  readonly stuckAt: number;
  readonly limitMs: number;
}

export function encodeBatch(
  batch: Batch,
  encode: Encoder,
  { batchMs, characterMs }: TimeLimits,
): EncodedBatch | StuckBatch {
  const limitMs = Math.ceil(batchMs + characterMs * batch.characters);
  let stuckAt = 0;
  try {
    const encoded = withinTime(limitMs, () =>
      batch.items.map((item) => {
        stuckAt = item.line;
        return 'problem' in item
          ? ({ line: item.line, skipped: 'Invalid', detail: item.problem } as const)
          : { line: item.line, ...encode(item.sample) };
      }),
    );
    return flatten(batch.file, encoded);
  } catch (error) {
    if (error instanceof TookTooLong) return { file: batch.file, stuckAt, limitMs };
    throw error;
  }
}

type Encoded = ({ readonly line: number } & Skipped) | ({ readonly line: number } & Kept);

function flatten(file: number, encoded: readonly Encoded[]): EncodedBatch {
  const documents = encoded.flatMap((record) => ('documents' in record ? record.documents : []));
  const ids = new Uint32Array(documents.reduce((sum, document) => sum + document.ids.length, 0));
  const marks = new Uint8Array(ids.length);
  let at = 0;
  for (const document of documents) {
    ids.set(document.ids, at);
    marks.set(document.marks, at);
    at += document.ids.length;
  }
  const records = encoded.map((record) =>
    'documents' in record
      ? {
          line: record.line,
          lengths: record.documents.map((document) => document.ids.length),
          class: record.documents[0]?.class,
          lost: record.lost,
          silent: record.silent === true,
        }
      : record,
  );
  const packed = documents.flatMap((document) => document.packed ?? []);
  return { file, records, ids, marks, packed };
}
