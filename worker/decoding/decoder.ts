// Decodes texts together: each step gives every one its next token, and texts begin and end between
// steps.
import { Bug } from '../../crds/failures/errors.ts';
import { pageTokens } from '../../crds/plan/serving-memory.ts';
import type { Model } from '../engine/model.ts';
import { alone, type World } from '../engine/world.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Growth, peakPages } from './admission.ts';
import { chooseAll } from './choose.ts';
import { meansOf } from './ensemble.ts';
import { logprobsOf, promptLogprobs } from './logprobs.ts';
import { PagedCache } from './paged-cache.ts';
import { type Lane, type Question, Sequence } from './sequence.ts';
import { type ReadPrompt, stepLogits, type TapOfRows } from './step-logits.ts';

interface DecoderOptions {
  /** Pages of the cache. */
  readonly pages: number;
  /** What changes the products of rows of a question's `change`. */
  readonly tapOf?: TapOfRows;
  /**
   * All ranks compute the logits; rank 0 chooses the token, since processors may round differently.
   */
  readonly world?: World;
  /** Rows of a prompt whose logits are in memory at once, where its log probabilities are asked. */
  readonly promptRows?: number;
}

export class Decoder implements Disposable {
  readonly #model: Model;
  readonly #cache: PagedCache;
  readonly #options: DecoderOptions;
  #live: readonly Sequence[] = [];

  constructor(model: Model, options: DecoderOptions) {
    this.#model = model;
    this.#options = options;
    this.#cache = new PagedCache(model, options.pages);
  }

  /** Those that the next step continues, in the order in which they began. */
  get live(): readonly Sequence[] {
    return this.#live;
  }

  /** Sequences of keys and values in the next step. */
  get lanes(): number {
    return this.#live.reduce((sum, { lanes }) => sum + lanes.length, 0);
  }

  get freePages(): number {
    return this.#cache.pages.free;
  }

  /** Whether all live ones can be finished if this one begins now. */
  fits(question: Question): boolean {
    const own = new Sequence(question).growth;
    const growths: readonly Growth[] = [...this.#live.map(({ growth }) => growth), own];
    return peakPages(growths, pageTokens) <= this.#options.pages;
  }

  /** Begins with the next step; the caller asked whether it fits. */
  start(question: Question): Sequence {
    if (question.prompt.length === 0) throw new Bug('a prompt has no token');
    const sequence = new Sequence(question);
    if (sequence.end === undefined) this.#live = [...this.#live, sequence];
    return sequence;
  }

  /** Ends a sequence before its time. */
  drop(sequence: Sequence): void {
    this.#cache.pages.give(sequence.leave());
    this.#live = this.#live.filter((one) => one !== sequence);
  }

  /** One token for each of them; those that end are live no more. */
  step(): readonly Sequence[] {
    const { world = alone, tapOf } = this.#options;
    const read: ReadPrompt = (lane, x) => this.#readPrompt(lane, x);
    const lanes = inRows(this.#live);
    if (lanes.length === 0) return [];
    const sequences = [...new Set(lanes.map(({ sequence }) => sequence))];
    const taken = sequences.flatMap((one) => one.extend(this.#cache.pages, pageTokens));
    this.#cache.clear(taken);
    const chosen = scope(() => {
      const logits = stepLogits(this.#model, this.#cache, lanes, tapOf, read);
      const means = meansOf(logits, lanes, sequences);
      const ids = chooseAll(means, sequences);
      for (const [i, one] of sequences.entries()) addLogprobs(one, means, i, ids[i] ?? null);
      return ids;
    }, this.#model.device);
    for (const [i, sequence] of sequences.entries()) {
      const id = world.fromFirst(chosen[i] ?? notFinite);
      sequence.add(id === notFinite ? null : id);
      if (sequence.end !== undefined) this.drop(sequence);
    }
    return sequences;
  }

  #readPrompt({ sequence }: Lane, x: Tensor): void {
    const { prompt, logprobs } = sequence.question;
    if (logprobs?.ofPrompt !== true) return;
    const rows = this.#options.promptRows ?? 1;
    sequence.addLogprobs(promptLogprobs(this.#model, x, prompt, { top: logprobs.top, rows }));
  }

  [Symbol.dispose](): void {
    this.#cache[Symbol.dispose]();
  }
}

/** Of the token that was chosen by row `at` of `logits`, where the question asks for it. */
function addLogprobs(sequence: Sequence, logits: Tensor, at: number, id: number | null): void {
  const { logprobs, maxTokens } = sequence.question;
  if (logprobs === undefined || maxTokens === 0 || id === null) return;
  sequence.addLogprobs(logprobsOf(ops.narrow(logits, 0, at, 1), [id], logprobs.top));
}

/** No id of a token; ranks agree on numbers. */
const notFinite = -1;

/** Those that begin first, and those with the same change beside each other. */
function inRows(live: readonly Sequence[]): readonly Lane[] {
  const lanes = live.flatMap((one) => one.lanes);
  const changes = [...new Set(lanes.map(({ change }) => change))];
  const keyOf = ({ cached, change }: Lane): number =>
    (cached === 0 ? 0 : changes.length) + changes.indexOf(change);
  return lanes.toSorted((a, b) => keyOf(a) - keyOf(b));
}
