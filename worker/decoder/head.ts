// Final norm, head and loss with gradients by hand, without a tape over the vocabulary. Only rows
// with a label get logits, and these in chunks, so the largest temporary is `chunk * V` values.

import type { Model } from '../engine/model.ts';
import type { LossSums } from '../engine/network.ts';
import type { Objective } from '../engine/objective.ts';
import type { PackedSequence, TeacherRows } from '../engine/packed-sequence.ts';
import { rmsNorm } from '../nn/rms-norm.ts';
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { decoderConfig } from './config.ts';
import { finalNormName, headName } from './names.ts';

interface HeadLoss {
  /** Negative log-likelihood of each target row. */
  readonly rows: Tensor;
  /** Sum of the negative log-likelihoods over the target rows; a float64 scalar. */
  readonly loss: Tensor;
  /** Target rows whose label has the largest logit; a float64 scalar. */
  readonly correct: Tensor;
}

interface HeadGradients {
  readonly sums: LossSums;
  /** Gradient of the residual stream, `[T, H]`. */
  readonly input: Tensor;
  /** Gradient of the final norm's weight, null while it is not active. */
  readonly norm: Tensor | null;
}

/** The loss of the sequence's target rows; keeps nothing for a backward. */
export function headLoss(model: Model, x: Tensor, sequence: PackedSequence): HeadLoss {
  return scope(() => {
    const h = finalNorm(model, ops.indexSelect(x, 0, sequence.rows));
    const cap = decoderConfig(model.config).logitCap ?? 0;
    const [rows, sums] = ops.headNll(h, headWeight(model), sequence.labels, {
      cap,
      needDh: false,
    });
    return { rows, loss: ops.select(sums, 0, 0), correct: ops.select(sums, 0, 2) };
  });
}

interface TopSettings {
  readonly count: number;
  readonly temperature: number;
}

/**
 * The most likely tokens of each target row, `[rows, count]`, and logs of their probabilities and
 * of that of all others, `[rows, count + 1]`.
 */
export function headTop(
  model: Model,
  x: Tensor,
  sequence: PackedSequence,
  { count, temperature }: TopSettings,
): TeacherRows {
  return scope(() => {
    const h = finalNorm(model, ops.indexSelect(x, 0, sequence.rows));
    const cap = decoderConfig(model.config).logitCap ?? 0;
    const [ids, logQ] = ops.headTop(h, headWeight(model), count, { cap, temperature });
    return { ids, logQ };
  });
}

interface HeadPass {
  readonly objective: Objective;
  /** 1 over the target tokens of the global batch. */
  readonly scale: number;
  readonly normIsActive: boolean;
  /** Where the head is active: its gradient is added here, `[V, H]`, in float32. */
  readonly dHead: Tensor | null;
}

/** Loss and gradients at once. */
export function headBackward(
  model: Model,
  x: Tensor,
  sequence: PackedSequence,
  { objective, scale, normIsActive, dHead }: HeadPass,
): HeadGradients {
  return scope(() => {
    const weight = model.parameters.value(finalNormName);
    const rows = leaf(ops.indexSelect(x, 0, sequence.rows));
    const norm = normIsActive ? leaf(weight) : weight;
    const h = withTape(() => finalNorm(model, rows, norm));
    const { sums, dh } = objective.of({
      ...{ h: ops.detach(h), weight: headWeight(model), sequence, scale },
      ...{ cap: decoderConfig(model.config).logitCap ?? 0, dweight: dHead },
    });
    const [dRows, dNorm] = grad([h], normIsActive ? [rows, norm] : [rows], [dh]);
    const input = ops.zerosLike(x);
    if (dRows !== undefined && dRows !== null) ops.indexCopy_(input, 0, sequence.rows, dRows);
    return { sums, input, norm: dNorm ?? null };
  });
}

/** The norm before the head. */
export function finalNorm(
  { config, parameters }: Model,
  x: Tensor,
  weight = parameters.value(finalNormName),
): Tensor {
  const { normEps, normOffset } = decoderConfig(config);
  return rmsNorm(x, { weight, epsilon: normEps, offset: normOffset });
}

/** Logits of normed hidden states `[rows, H]`, in float32 (float64 for a float64 model). */
export function headLogits(model: Model, h: Tensor): Tensor {
  return scope(() => {
    const wide = ops.to(ops.linear(h, headWeight(model), null), exactType(model.dtype));
    const cap = decoderConfig(model.config).logitCap;
    // In place: each copy would be a tenth of a small model with a large vocabulary.
    return cap === undefined ? wide : ops.mulScalar_(ops.tanh(ops.divScalar_(wide, cap)), cap);
  });
}

function headWeight(model: Model): Tensor {
  return model.parameters.value(headName(decoderConfig(model.config)));
}
