// Memory of a server before it loads anything: the base, the pages of keys and values, adapters,
// and the largest step. Pure, so that `estimate`, the operator and the server itself say the same.
//
// A step reads the prompts of requests that begin, at most `context` tokens and one request
// whatever it has, beside one token of each that goes on (worker/serve/server.ts).

import { linearsOf } from '../methods/linears.ts';
import { units } from './block-bytes.ts';
import { forwardWorking } from './forward-bytes.ts';
import { type BaseFacts, frozenQuestion } from './frozen-question.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import type { ModelFacts } from './model-facts.ts';
import { staticBytes } from './static-bytes.ts';

/** Tokens of a page. */
export const pageTokens = 16;

export interface ServingLimits {
  /** Sequences that are decoded together. */
  readonly together: number;
  /** Tokens of a prompt and its answer. */
  readonly context: number;
  /** Bytes of keys and values. */
  readonly cacheBytes: number;
}

export interface ServingQuestion {
  readonly base: BaseFacts;
  readonly dtype: 'float32' | 'bfloat16';
  readonly device: MemoryQuestion['device'];
  readonly limits: ServingLimits;
  /** Of the factors of all adapters, and of sums of adapters, in memory. */
  readonly adapterBytes: number;
  /** Sequences that the largest request takes. */
  readonly lanes: number;
}

export interface ServingPlan {
  readonly parts: {
    readonly weights: number;
    readonly cache: number;
    readonly adapters: number;
    readonly work: number;
  };
  readonly peak: number;
  readonly limit: number;
  readonly fits: boolean;
}

/** Bytes of the keys and values of a page, in all blocks. */
export function pageBytes({ L, NK, D }: Pick<ModelFacts, 'L' | 'NK' | 'D'>, width: number): number {
  return 2 * L * NK * pageTokens * D * width;
}

/** Pages that the memory has room for, and no more than can be used at once. */
export function pagesOf(
  facts: Pick<ModelFacts, 'L' | 'NK' | 'D'>,
  width: number,
  { together, context, cacheBytes }: ServingLimits,
): number {
  const most = together * Math.ceil(context / pageTokens);
  return Math.min(most, Math.floor(cacheBytes / pageBytes(facts, width)));
}

export function planServing(question: ServingQuestion): ServingPlan {
  const { base, dtype, device, limits, adapterBytes } = question;
  const width = dtype === 'float32' ? 4 : 2;
  const type = dtype === 'float32' ? 'Float32' : 'BFloat16';
  const frozen = frozenQuestion(base, type, device);
  // A page of zeros is beside the others.
  const pages = pagesOf(base.facts, width, limits) + 1;
  const { slack } = memoryConstants[device.type];
  const step = stepBytes(frozen, question, width);
  const parts = {
    weights: Math.ceil(staticBytes(frozen).weights),
    cache: pages * pageBytes(base.facts, width),
    adapters: adapterBytes,
    work: Math.ceil((1 + slack) * step + contextOf(question) + tokenizer(base.facts, device)),
  };
  const peak = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { parts, peak, limit: device.bytes, fits: peak <= device.bytes };
}

/** A process on a processor releases what only loading needed, as one that publishes. */
function contextOf({ device, dtype }: ServingQuestion): number {
  const { publish, cpu, cuda } = memoryConstants;
  if (device.type === 'cuda') return cuda.context;
  return publish.context + (dtype === 'bfloat16' ? cpu.compiled : 0);
}

/** Temporaries of the largest step. */
function stepBytes(frozen: MemoryQuestion, question: ServingQuestion, width: number): number {
  const { facts } = frozen;
  const { together, context } = question.limits;
  const tokens = question.lanes * context + together;
  const pairs = together * context * facts.NK * facts.D;
  // In float32: keys and values of one block, as they lie and together, scores in three forms,
  // which of them count, and in the type of the cache what is read.
  const reading = 2 * pairs * (4 + (width === 2 ? 2 : 0));
  const scores = (3 * facts.NH + 2) * together * context * 4;
  const attention = tokens * width * units(facts, { H: 2, headsD: 2, keyValueD: 2, I: 0 });
  const block = Math.max(
    forwardWorking(frozen, tokens) + changed(question, tokens),
    attention + reading + scores,
  );
  const logits = 4 * facts.V * 4 * together;
  return tokens * facts.H * width + Math.max(block, logits);
}

/** Beside a product, what adapters add to its rows, and the rows in float32. */
function changed({ base: { facts }, adapterBytes, dtype }: ServingQuestion, tokens: number) {
  if (adapterBytes === 0) return 0;
  const widest = Math.max(...linearsOf(facts).map(({ out }) => out));
  const copied = dtype === 'float32' ? 0 : 4 * Math.max(facts.I, facts.H) + 2 * widest;
  return tokens * (4 * widest + copied);
}

/** JavaScript memory, which is that of the processor. */
function tokenizer({ V }: ModelFacts, { type }: MemoryQuestion['device']): number {
  return type === 'cuda' ? 0 : V * memoryConstants.tokenizerBytesPerToken;
}
