// How many pages sequences that are decoded together may take at once, if none ends before its last
// token. One that is started with room for the worst case never runs out of pages.

export interface Growth {
  /** Tokens that it has in the cache after the next step. */
  readonly tokens: number;
  /** How many more it may put there, one a step. */
  readonly left: number;
  /** How many times it has them: once for each member of an ensemble. */
  readonly lanes: number;
}

export function pagesFor(tokens: number, pageTokens: number): number {
  return Math.ceil(tokens / pageTokens);
}

/**
 * Sequences grow until one ends, so the most is held at the last step of one of them: all that last
 * as long are there, each with as many tokens more.
 */
export function peakPages(sequences: readonly Growth[], pageTokens: number): number {
  const ends = new Set(sequences.map(({ left }) => left));
  const heldAt = (end: number): number =>
    sequences
      .filter(({ left }) => left >= end)
      .reduce((sum, { tokens, lanes }) => sum + lanes * pagesFor(tokens + end, pageTokens), 0);
  return Math.max(0, ...[...ends].map(heldAt));
}
