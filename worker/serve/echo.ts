// Where tokens lie in the text of an answer, and what they spell: for clients that ask for log
// probabilities, or for the prompt before its answer.
import { StringDecoder } from 'node:string_decoder';
import type { ServedToken } from '../../crds/serve/messages.ts';
import type { TokenLogprob } from '../decoding/logprobs.ts';

type BytesOf = (id: number) => Uint8Array;

/** A prompt as an answer repeats it. */
export interface EchoedPrompt {
  readonly text: string;
  /** Code points of the text before each token. */
  readonly at: readonly number[];
}

/**
 * The text that the tokens spell. Of a prompt that was a text, it is without what was put before it
 * for the model: a token that begins texts, or a space.
 */
export function echoedPrompt(ids: readonly number[], bytesOf: BytesOf, given = ''): EchoedPrompt {
  const decoder = new StringDecoder('utf8');
  const starts: number[] = [];
  let spelled = '';
  for (const id of ids) {
    starts.push(spelled.length);
    spelled += decoder.write(Buffer.from(bytesOf(id)));
  }
  spelled += decoder.end();
  const before = given !== '' && spelled.endsWith(given) ? spelled.length - given.length : 0;
  const points = pointsBefore(spelled);
  const hidden = points(before);
  return {
    text: spelled.slice(before),
    at: starts.map((start) => Math.max(0, points(start) - hidden)),
  };
}

export function codePoints(text: string): number {
  return pointsBefore(text)(text.length);
}

/** Code points before places that are asked in order or again. */
function pointsBefore(text: string): (at: number) => number {
  const before = new Uint32Array(text.length + 1);
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    const isSecond = unit >= 0xdc00 && unit <= 0xdfff;
    before[i + 1] = (before[i] ?? 0) + (isSecond ? 0 : 1);
  }
  return (at) => before[at] ?? 0;
}

/** Of a token at its place; `score` undefined for the first of a prompt. */
export function servedToken(
  id: number,
  at: number,
  score: TokenLogprob | undefined,
  bytesOf: BytesOf,
): ServedToken {
  const spelled = (one: number): string => Buffer.from(bytesOf(one)).toString('latin1');
  return {
    ...{ bytes: spelled(id), at, logprob: score?.logprob ?? null },
    top: (score?.top ?? []).map((one) => ({ bytes: spelled(one.id), logprob: one.logprob })),
  };
}

/**
 * Tokens that were made, given out with the text that they are in: text may be held back, and be
 * left out where a stop string ends the answer.
 */
export class MadeTokens {
  readonly #bytesOf: BytesOf;
  readonly #decoder = new StringDecoder('utf8');
  #at: number;
  #said: number;
  #held: ServedToken[] = [];

  /** `from`: code points of the answer before the first of them. */
  constructor(bytesOf: BytesOf, from: number) {
    this.#bytesOf = bytesOf;
    this.#at = from;
    this.#said = from;
  }

  add(score: TokenLogprob): void {
    this.#held.push(servedToken(score.id, this.#at, score, this.#bytesOf));
    const bytes = Buffer.from(this.#bytesOf(score.id));
    this.#at += codePoints(this.#decoder.write(bytes));
  }

  /** Those that begin in the text up to the end of what is said now. */
  say(text: string): readonly ServedToken[] {
    this.#said += codePoints(text);
    return this.#take(({ at }) => at < this.#said);
  }

  /** All that are left, of an answer that no stop string ended. */
  rest(): readonly ServedToken[] {
    return this.#take(() => true);
  }

  #take(isSaid: (token: ServedToken) => boolean): readonly ServedToken[] {
    const said = this.#held.filter(isSaid);
    this.#held = this.#held.filter((token) => !isSaid(token));
    return said;
  }
}
