// Final norm, head and loss with gradients by hand, without a tape over the vocabulary. Only rows
// with a label get logits, and these in chunks, so the largest temporary is `chunk * V` values.

import { rmsNorm } from '../nn/rms-norm.ts';
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { finalNormName, headName, type Model } from './model.ts';
import type { PackedSequence } from './packed-sequence.ts';

interface HeadLoss {
  /** Negative log-likelihood of each target row. */
  readonly rows: Tensor;
  /** Sum of the negative log-likelihoods over the target rows; a float64 scalar. */
  readonly nll: Tensor;
  /** Target rows whose label has the largest logit; a float64 scalar. */
  readonly correct: Tensor;
}

interface HeadGradients {
  /** Gradient of the residual stream, `[T, H]`. */
  readonly input: Tensor;
  /** Gradient of the final norm's weight, null while it is not active. */
  readonly norm: Tensor | null;
}

/** The loss of the sequence's target rows; keeps nothing for a backward. */
export function headLoss(model: Model, x: Tensor, sequence: PackedSequence): HeadLoss {
  return scope(() => {
    const h = normed(
      model,
      ops.indexSelect(x, 0, sequence.rows),
      model.parameters.value(finalNormName),
    );
    const cap = model.config.logitCap ?? 0;
    const [rows, sums] = ops.headNll(h, headWeight(model), sequence.labels, {
      cap,
      needDh: false,
    });
    return { rows, ...lossOf(sums) };
  });
}

/**
 * Loss and gradients at once. `scale` is 1 over the target tokens of the global batch; where the
 * head is active, its gradient is added into `dHead [V, H]`, in float32.
 */
export function headBackward(
  model: Model,
  x: Tensor,
  sequence: PackedSequence,
  scale: number,
  normIsActive: boolean,
  dHead: Tensor | null,
): Omit<HeadLoss, 'rows'> & HeadGradients {
  return scope(() => {
    const weight = model.parameters.value(finalNormName);
    const rows = leaf(ops.indexSelect(x, 0, sequence.rows));
    const norm = normIsActive ? leaf(weight) : weight;
    const h = withTape(() => normed(model, rows, norm));
    const [, sums, dh] = ops.headNll(ops.detach(h), headWeight(model), sequence.labels, {
      invN: scale,
      cap: model.config.logitCap ?? 0,
      dweight: dHead,
    });
    const [dRows, dNorm] = grad([h], normIsActive ? [rows, norm] : [rows], [dh]);
    const input = ops.zerosLike(x);
    if (dRows !== undefined && dRows !== null) ops.indexCopy_(input, 0, sequence.rows, dRows);
    return { ...lossOf(sums), input, norm: dNorm ?? null };
  });
}

/** `sums` of the kernel: negative log-likelihood, objective, correct rows. */
function lossOf(sums: Tensor): Omit<HeadLoss, 'rows'> {
  return { nll: ops.select(sums, 0, 0), correct: ops.select(sums, 0, 2) };
}

function normed(model: Model, x: Tensor, weight: Tensor): Tensor {
  const { normEps, normOffset } = model.config;
  return rmsNorm(x, { weight, epsilon: normEps, offset: normOffset });
}

function headWeight(model: Model): Tensor {
  return model.parameters.value(headName(model.config));
}
