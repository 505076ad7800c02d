// The loader's view of tokenised documents, in a token store or in a test's list.
import type { HostSequence } from '../engine/packed-sequence.ts';

export interface Documents {
  /** Digest of the content: a cursor is valid only for the documents it was made for. */
  readonly digest: string;
  readonly count: number;
  /** Number of the record that a document comes from; one record may give several. */
  readonly sampleOf: (document: number) => number;
  readonly lengthOf: (document: number) => number;
  /** Number of a document's class; undefined where documents predict their next tokens. */
  readonly classOf: ((document: number) => number) | undefined;
  /**
   * 1 for a document with a class; else its target tokens that have a token before them to be
   * predicted from. `key` is that of the sequence that it is in.
   */
  readonly targetTokensOf: (document: number, key: number) => number;
  /** Places of the tokens that have a target which is no label. @default tokens have labels */
  readonly targetRowsOf?: (document: number, key: number) => readonly number[];
  /** Whether every token has a target that is no label. @default tokens have labels */
  readonly everyToken?: boolean;
  /**
   * What a sequence of these documents has beside their tokens. `key` names its random streams.
   * @default nothing
   */
  readonly valuesOf?:
    | ((documents: readonly number[], key: number) => NonNullable<HostSequence['values']>)
    | undefined;
  /**
   * Copies the tokens of a document to offset `at`, and a mark for each: 1 for a target token, or
   * where documents have a class, for a token of the second text of a pair.
   */
  readonly copyTo: (document: number, ids: Int32Array, marks: Uint8Array, at: number) => void;
}
