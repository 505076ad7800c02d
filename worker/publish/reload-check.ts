// An export is believed when it has been read back and gives the same logits. The check runs a fixed
// text of 64 tokens through the trained model and through the artefact, and reports the largest gap
// between two logits and the divergence of the distributions.

import { hiddenStates } from '../engine/forward.ts';
import { headName, type Model } from '../engine/model.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';

export const checkTokens = 64;

interface ReloadReport {
  readonly largestLogitGap: number;
  /** Mean over positions of KL(trained || artefact), nats. */
  readonly klDivergence: number;
  readonly tokens: number;
}

/** Ids of the check: spread over the vocabulary, the same for every model of that size. */
export function checkIds(vocabulary: number): Int32Array {
  return Int32Array.from({ length: checkTokens }, (_, i) => (i * 7919 + 11) % vocabulary);
}

/** Logits `[64, V]` of the check text, in float32 (float64 for a float64 model). */
export function checkLogits(model: Model): Tensor {
  return scope(() => {
    const h = hiddenStates(model, checkIds(model.config.V));
    const z = ops.linear(h, model.parameters.value(headName(model.config)), null);
    const wide = ops.to(z, model.dtype === 'float64' ? 'float64' : 'float32');
    const cap = model.config.logitCap;
    return cap === undefined ? wide : ops.mulScalar(ops.tanh(ops.divScalar(wide, cap)), cap);
  });
}

/** How far the artefact's logits are from the trained model's. */
export function compareLogits(trained: Tensor, artefact: Tensor): ReloadReport {
  return scope(() => {
    const p = ops.logSoftmax(ops.to(trained, 'float64'), -1);
    const q = ops.logSoftmax(ops.to(artefact, 'float64'), -1);
    const gap = ops.amax(ops.abs(ops.sub(ops.to(trained, 'float64'), ops.to(artefact, 'float64'))));
    const kl = ops.sum(ops.mul(ops.exp(p), ops.sub(p, q)));
    return {
      largestLogitGap: item(gap),
      klDivergence: item(kl) / (trained.shape[0] ?? 1),
      tokens: trained.shape[0] ?? 0,
    };
  });
}
