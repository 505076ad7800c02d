// Logits of a text by the forward of training, over the whole of it.
import { decoderConfig } from '../../../worker/decoder/config.ts';
import { headName } from '../../../worker/decoder/names.ts';
import { hiddenStates } from '../../../worker/engine/forward.ts';
import type { Model } from '../../../worker/engine/model.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';

/** Logits behind the last token. */
export function lastLogits(model: Model, ids: readonly number[]): readonly number[] {
  return scope(() => {
    const h = hiddenStates(model, Int32Array.from(ids));
    const last = ops.narrow(h, 0, ids.length - 1, 1);
    const config = decoderConfig(model.config);
    const z = ops.linear(last, model.parameters.value(headName(config)), null);
    const cap = config.logitCap;
    const values = toArray(z);
    return cap === undefined ? values : values.map((x) => cap * Math.tanh(x / cap));
  });
}

/** What each token of `made` lacks to the largest logit at its place. */
export function shortfalls(
  model: Model,
  prompt: readonly number[],
  made: readonly number[],
): readonly number[] {
  return made.map((id, n) => {
    const logits = lastLogits(model, [...prompt, ...made.slice(0, n)]);
    return Math.max(...logits) - (logits[id] ?? Number.NEGATIVE_INFINITY);
  });
}

/**
 * Keys and values of the cache are those of the whole text; the shares of attention are rounded to
 * float32, some hundred sums of it on logits of size 10.
 */
export const rounding = 100 * 10 * 2 ** -24;
