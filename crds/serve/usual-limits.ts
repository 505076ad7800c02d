/** What a server does at once where nobody says. */
export const usualLimits = {
  /** Requests that wait beside those that are decoded. */
  queue: 64,
  /** Tokens of an answer of a chat. */
  maxTokens: 512,
  cacheBytes: 2 ** 29,
} as const;
