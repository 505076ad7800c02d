// What travels between the thread that reads and the threads that tokenise: some records in, their tokens out, as flat
// arrays that change hands without a copy.
import type { Sample } from '../data/sample.ts';
import type { Encoder, Skipped } from './encode-sample.ts';

/** A record that was read, or why it was not. */
export type BatchItem =
  | { readonly line: number; readonly sample: Sample }
  | { readonly line: number; readonly problem: string };

export interface Batch {
  /** Number of the file. */
  readonly file: number;
  readonly items: readonly BatchItem[];
}

export interface EncodedBatch {
  readonly file: number;
  readonly records: readonly EncodedRecord[];
  /** Tokens of all documents of all records, back to back. */
  readonly ids: Uint32Array<ArrayBuffer>;
  readonly learned: Uint8Array<ArrayBuffer>;
}

export type EncodedRecord =
  | {
      readonly line: number;
      /** Tokens of each document. */
      readonly lengths: readonly number[];
      readonly lost: number;
    }
  | (Skipped & { readonly line: number });

export function encodeBatch(batch: Batch, encode: Encoder): EncodedBatch {
  const encoded = batch.items.map((item) =>
    'problem' in item
      ? ({ line: item.line, skipped: 'Invalid', detail: item.problem } as const)
      : { line: item.line, ...encode(item.sample) },
  );
  const documents = encoded.flatMap((record) => ('documents' in record ? record.documents : []));
  const ids = new Uint32Array(documents.reduce((sum, document) => sum + document.ids.length, 0));
  const learned = new Uint8Array(ids.length);
  let at = 0;
  for (const document of documents) {
    ids.set(document.ids, at);
    learned.set(document.learned, at);
    at += document.ids.length;
  }
  const records = encoded.map((record) =>
    'documents' in record
      ? {
          line: record.line,
          lengths: record.documents.map((document) => document.ids.length),
          lost: record.lost,
        }
      : record,
  );
  return { file: batch.file, records, ids, learned };
}
