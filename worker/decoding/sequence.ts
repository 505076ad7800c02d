// One text that is being decoded: what of it lies in the cache, and how it goes on.
import { type Growth, pagesFor } from './admission.ts';
import type { Pages } from './pages.ts';

interface Sampling {
  /** 0 takes the most likely token. */
  readonly temperature: number;
  /** Of the most likely tokens, as few as have this share together. @default 1 */
  readonly topP?: number;
  /** A number in [0, 1) for the n-th token, from 0. */
  readonly draw: (n: number) => number;
}

export interface Question extends Sampling {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  /** Ids that end the text; they are not returned. */
  readonly stop: ReadonlySet<number>;
  /** Which change of the model answers it. @default none */
  readonly change?: object;
}

type End = 'Stop' | 'Length' | 'NotFinite';

export class Sequence {
  readonly question: Question;
  readonly made: number[] = [];
  readonly pages: number[] = [];
  /** Continue what the cache holds. */
  #ids: readonly number[];
  #cached = 0;
  #end: End | undefined;

  constructor(question: Question) {
    this.question = question;
    this.#ids = question.prompt;
    if (question.maxTokens === 0) this.#end = 'Length';
  }

  get ids(): readonly number[] {
    return this.#ids;
  }

  /** Tokens in the cache. */
  get cached(): number {
    return this.#cached;
  }

  /** Undefined while it goes on. */
  get end(): End | undefined {
    return this.#end;
  }

  get growth(): Growth {
    const tokens = this.#cached + this.#ids.length;
    // The last token is returned, and never read again.
    const most = this.question.prompt.length + this.question.maxTokens - 1;
    return { tokens, left: most - tokens };
  }

  /** Pages for the next step; those that were not its own before. */
  extend(pages: Pages, pageTokens: number): readonly number[] {
    const wanted = pagesFor(this.growth.tokens, pageTokens) - this.pages.length;
    const added = Array.from({ length: wanted }, () => pages.take());
    this.pages.push(...added);
    return added;
  }

  /** The token that the step gave; null where its logits are not finite. */
  add(id: number | null): void {
    const { stop, maxTokens } = this.question;
    this.#cached += this.#ids.length;
    if (id === null) this.#end = 'NotFinite';
    else if (stop.has(id)) this.#end = 'Stop';
    if (id === null || this.#end !== undefined) return;
    this.made.push(id);
    this.#ids = [id];
    if (this.made.length === maxTokens) this.#end = 'Length';
  }
}
