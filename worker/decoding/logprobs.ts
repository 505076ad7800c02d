// How likely tokens were: log-softmax of the logits themselves, whatever temperature chose by.
import { finalNorm, headLogits } from '../decoder/head.ts';
import type { Model } from '../engine/model.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { indices, type Tensor, toArray } from '../tensor/tensor.ts';

interface Logprob {
  readonly id: number;
  /** Natural logarithm of the probability of the token after those before it. */
  readonly logprob: number;
}

export interface TokenLogprob extends Logprob {
  /** The likeliest tokens in its place, likeliest first. */
  readonly top: readonly Logprob[];
}

/** Of the n-th of `ids` by the n-th row of `logits [n, V]`; null where one is not finite. */
export function logprobsOf(
  logits: Tensor,
  ids: readonly number[],
  top: number,
): readonly TokenLogprob[] | null {
  return scope(() => {
    const all = ops.logSoftmax(logits, -1);
    const own = toArray(ops.gather(all, 1, ops.unsqueeze(indices(ids), 1)));
    const count = Math.min(top, logits.shape[1] ?? 0);
    const best = count === 0 ? [] : ops.topk(all, count, 1);
    const [values = [], places = []] = best.map((one) => toArray(one));
    if (![...own, ...values].every(Number.isFinite)) return null;
    return ids.map((id, n) => ({
      id,
      logprob: own[n] ?? Number.NaN,
      top: Array.from({ length: count }, (_, k) => ({
        id: places[n * count + k] ?? 0,
        logprob: values[n * count + k] ?? Number.NaN,
      })),
    }));
  });
}

interface PromptOptions {
  /** Of each token, so many of the likeliest. */
  readonly top: number;
  /** Rows whose logits are in memory at once. */
  readonly rows: number;
}

/**
 * Of the tokens of a prompt behind its first, from the last hidden states `x [n, H]` of its n
 * tokens; null where one is not finite. Temporaries are some `[rows, V]`.
 */
export function promptLogprobs(
  model: Model,
  x: Tensor,
  prompt: readonly number[],
  { top, rows }: PromptOptions,
): readonly TokenLogprob[] | null {
  const found: TokenLogprob[] = [];
  for (let from = 0; from < prompt.length - 1; from += rows) {
    const count = Math.min(rows, prompt.length - 1 - from);
    const ids = prompt.slice(from + 1, from + 1 + count);
    const part = scope(() => {
      const h = finalNorm(model, ops.narrow(x, 0, from, count));
      return logprobsOf(headLogits(model, h), ids, top);
    }, model.device);
    if (part === null) return null;
    found.push(...part);
  }
  return found;
}
