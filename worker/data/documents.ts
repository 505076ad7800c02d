// What the loader needs to know about tokenised documents, wherever they lie: a token store, or a
// list in a test.

export interface Documents {
  /** Names the content: a cursor is only good for the documents it was made on. */
  readonly digest: string;
  readonly count: number;
  /** Number of the record that a document was made from; one record may give several. */
  readonly sampleOf: (document: number) => number;
  readonly lengthOf: (document: number) => number;
  /** Tokens that are learned and have one before them to be predicted from. */
  readonly targetTokensOf: (document: number) => number;
  /** Copies the tokens of a document, and 1 for each that is learned, to the place `at`. */
  readonly copyTo: (document: number, ids: Int32Array, targets: Uint8Array, at: number) => void;
}
