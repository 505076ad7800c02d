// One text that is being decoded: what of it lies in the cache, and how it goes on. An ensemble
// decodes it in lanes, a cache for each member, since each computes other keys and values.
import { type Growth, pagesFor } from './admission.ts';
import type { TokenLogprob } from './logprobs.ts';
import type { Pages } from './pages.ts';

interface Sampling {
  /** 0 takes the most likely token. */
  readonly temperature: number;
  /** Of the most likely tokens, as few as have this share together. @default 1 */
  readonly topP?: number;
  /** A number in [0, 1) for the n-th token, from 0. */
  readonly draw: (n: number) => number;
}

/** What takes part in choosing a token. */
export interface Member {
  /** Of the model. @default none */
  readonly change?: object;
  /** Of its logits in the mean; those of all members sum to 1. */
  readonly weight: number;
}

export interface Question extends Sampling {
  readonly prompt: readonly number[];
  readonly maxTokens: number;
  /** Ids that end the text; they are not returned. */
  readonly stop: ReadonlySet<number>;
  /** Which change of the model answers it. @default none */
  readonly change?: object;
  /**
   * In place of `change`: who chooses the n-th token, from 0, each in a lane of its own. As many
   * for each n, one at least.
   */
  readonly ensemble?: (n: number) => readonly Member[];
  /** Which log probabilities are kept. @default none */
  readonly logprobs?: LogprobsWanted;
}

interface LogprobsWanted {
  /** Of each token, so many of the likeliest in its place. */
  readonly top: number;
  /** Those of the prompt, too; not of an ensemble, whose lanes read it apart. */
  readonly ofPrompt: boolean;
}

type End = 'Stop' | 'Length' | 'NotFinite';

/** Keys and values of a text as one member of its ensemble computed them. */
export class Lane {
  readonly sequence: Sequence;
  readonly pages: number[] = [];
  readonly #place: number;

  constructor(sequence: Sequence, place: number) {
    this.sequence = sequence;
    this.#place = place;
  }

  get ids(): readonly number[] {
    return this.sequence.ids;
  }

  get cached(): number {
    return this.sequence.cached;
  }

  /** In the next step. */
  get change(): object | undefined {
    return this.sequence.members[this.#place]?.change;
  }
}

export class Sequence {
  readonly question: Question;
  readonly made: number[] = [];
  /** Of the prompt behind its first token, then of what was made, and what ended the text. */
  readonly logprobs: TokenLogprob[] = [];
  readonly lanes: readonly Lane[];
  #members: readonly Member[];
  /** Continue what the cache holds. */
  #ids: readonly number[];
  #cached = 0;
  #end: End | undefined;
  #isBroken = false;

  constructor(question: Question) {
    this.question = question;
    this.#ids = question.prompt;
    this.#members = membersOf(question, 0);
    this.lanes = this.#members.map((_, place) => new Lane(this, place));
    if (question.maxTokens === 0 && question.logprobs?.ofPrompt !== true) this.#end = 'Length';
  }

  /** Who chooses the next token, in the order of the lanes. */
  get members(): readonly Member[] {
    return this.#members;
  }

  get ids(): readonly number[] {
    return this.#ids;
  }

  /** Tokens in the cache, in each lane. */
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
    return { tokens, left: Math.max(0, most - tokens), lanes: this.lanes.length };
  }

  /** Pages for the next step; those that were not its own before. */
  extend(pages: Pages, pageTokens: number): readonly number[] {
    const all = pagesFor(this.growth.tokens, pageTokens);
    return this.lanes.flatMap((lane) => {
      const added = Array.from({ length: all - lane.pages.length }, () => pages.take());
      lane.pages.push(...added);
      return added;
    });
  }

  /** Its pages, which are its own no more. */
  leave(): readonly number[] {
    return this.lanes.flatMap(({ pages }) => pages.splice(0));
  }

  /** Those of tokens that follow those it has; null where one is not finite. */
  addLogprobs(found: readonly TokenLogprob[] | null): void {
    if (found === null) this.#isBroken = true;
    // One by one: those of a long prompt are more than a call has arguments.
    else for (const one of found) this.logprobs.push(one);
  }

  /** The token that the step gave; null where its logits are not finite. */
  add(id: number | null): void {
    const { stop, maxTokens } = this.question;
    this.#cached += this.#ids.length;
    if (id === null || this.#isBroken) this.#end = 'NotFinite';
    else if (maxTokens === 0) this.#end = 'Length';
    else if (stop.has(id)) this.#end = 'Stop';
    if (id === null || this.#end !== undefined) return;
    this.made.push(id);
    this.#ids = [id];
    this.#members = membersOf(this.question, this.made.length);
    if (this.made.length === maxTokens) this.#end = 'Length';
  }
}

function membersOf({ change, ensemble }: Question, n: number): readonly Member[] {
  return ensemble?.(n) ?? [{ weight: 1, ...(change && { change }) }];
}
