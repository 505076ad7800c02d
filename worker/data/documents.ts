// The loader's view of tokenised documents, in a token store or in a test's list.

export interface Documents {
  /** Digest of the content: a cursor is valid only for the documents it was made for. */
  readonly digest: string;
  readonly count: number;
  /** Number of the record that a document comes from; one record may give several. */
  readonly sampleOf: (document: number) => number;
  readonly lengthOf: (document: number) => number;
  /** Target tokens that have a token before them to be predicted from. */
  readonly targetTokensOf: (document: number) => number;
  /** Copies the tokens of a document, and 1 for each target token, to offset `at`. */
  readonly copyTo: (document: number, ids: Int32Array, targets: Uint8Array, at: number) => void;
}
