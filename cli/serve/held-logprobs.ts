// Log probabilities that wait in this process for the rest of their answers: of all prompts that
// may be open they would take more memory than it is given.
import type { ServedToken } from '../../crds/serve/messages.ts';

/** Tokens with one of those in their place: 64 prompts of 2,048 tokens. Some 30 MiB. */
const mostHeld = 2 ** 18;

export class HeldLogprobs {
  readonly #most: number;
  #held = 0;

  constructor(most = mostHeld) {
    this.#most = most;
  }

  get most(): number {
    return this.#most;
  }

  /** How many these are; undefined, and none taken, where there is no room for them. */
  take(tokens: readonly ServedToken[]): number | undefined {
    const count = tokens.reduce((sum, { top }) => sum + 1 + top.length, 0);
    if (this.#held + count > this.#most) return undefined;
    this.#held += count;
    return count;
  }

  give(count: number): void {
    this.#held -= count;
  }
}
