// The head of a model that gives the next token: last norm, logits of a vocabulary and their loss,
// with gradients by hand, without a tape over the vocabulary. Only rows with a label get logits,
// and these in chunks, so the largest temporary is `chunk * V` values.
import type { Model } from '../engine/model.ts';
import type { LossSums } from '../engine/network.ts';
import type { Objective } from '../engine/objective.ts';
import type { PackedSequence, TeacherRows } from '../engine/packed-sequence.ts';
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

type Value = (name: string) => Tensor;

/** What the head of a family is made of. */
export interface VocabularyHead {
  /** Names of the tensors of the last norm. */
  readonly norms: readonly string[];
  /** The last norm, by its tensors. */
  normed(x: Tensor, value: Value): Tensor;
  /** Name of the matrix `[V, H]`. */
  readonly matrix: string;
  /** Of the logits; 0 for none. */
  readonly cap: number;
}

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
  /** Of the active tensors of the last norm, in their order. */
  readonly norms: readonly (Tensor | null)[];
}

/** What every head minimizes by itself. */
export const crossEntropy: Objective = {
  of({ h, weight, sequence, scale, cap, dweight }) {
    const [, sums, dh] = ops.headNll(h, weight, sequence.labels, { invN: scale, cap, dweight });
    return { sums: { loss: ops.select(sums, 0, 0) }, dh };
  },
};

/** The loss of the sequence's target rows; keeps nothing for a backward. */
export function vocabularyLoss(
  head: VocabularyHead,
  model: Model,
  x: Tensor,
  sequence: PackedSequence,
): HeadLoss {
  return scope(() => {
    const h = lastNorm(head, model, ops.indexSelect(x, 0, sequence.rows));
    const [rows, sums] = ops.headNll(h, matrixOf(head, model), sequence.labels, {
      ...{ cap: head.cap, needDh: false },
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
export function vocabularyTop(
  head: VocabularyHead,
  model: Model,
  x: Tensor,
  sequence: PackedSequence,
  { count, temperature }: TopSettings,
): TeacherRows {
  return scope(() => {
    const h = lastNorm(head, model, ops.indexSelect(x, 0, sequence.rows));
    const settings = { cap: head.cap, temperature };
    const [ids, logQ] = ops.headTop(h, matrixOf(head, model), count, settings);
    return { ids, logQ };
  });
}

interface HeadPass {
  readonly objective: Objective;
  /** 1 over the target tokens of the global batch. */
  readonly scale: number;
  /** Names of the tensors of the last norm that are active. */
  readonly active: readonly string[];
  /** Where the matrix is active: its gradient is added here, `[V, H]`, in float32. */
  readonly dMatrix: Tensor | null;
}

/** Loss and gradients at once. */
export function vocabularyBackward(
  head: VocabularyHead,
  model: Model,
  x: Tensor,
  sequence: PackedSequence,
  { objective, scale, active, dMatrix }: HeadPass,
): HeadGradients {
  return scope(() => {
    const { parameters } = model;
    const rows = leaf(ops.indexSelect(x, 0, sequence.rows));
    const leaves = new Map(active.map((name) => [name, leaf(parameters.value(name))]));
    const h = withTape(() =>
      head.normed(rows, (name) => leaves.get(name) ?? parameters.value(name)),
    );
    const { sums, dh } = objective.of({
      ...{ h: ops.detach(h), weight: matrixOf(head, model), sequence, scale },
      ...{ cap: head.cap, dweight: dMatrix },
    });
    const [dRows, ...norms] = grad([h], [rows, ...leaves.values()], [dh]);
    const input = ops.zerosLike(x);
    if (dRows !== undefined && dRows !== null) ops.indexCopy_(input, 0, sequence.rows, dRows);
    return { sums, input, norms };
  });
}

/** The norm before the head. */
export function lastNorm(head: VocabularyHead, { parameters }: Model, x: Tensor): Tensor {
  return head.normed(x, (name) => parameters.value(name));
}

/** Logits of normed hidden states `[rows, H]`, in float32 (float64 for a float64 model). */
export function vocabularyLogits(head: VocabularyHead, model: Model, h: Tensor): Tensor {
  return scope(() => {
    const wide = ops.to(ops.linear(h, matrixOf(head, model), null), exactType(model.dtype));
    const { cap } = head;
    // In place: each copy would be a tenth of a small model with a large vocabulary.
    return cap === 0 ? wide : ops.mulScalar_(ops.tanh(ops.divScalar_(wide, cap)), cap);
  });
}

/** A zero gradient for a vocabulary matrix: it sums many small terms, so never in 16 bits. */
export function matrixGradient(model: Model, name: string): Tensor {
  const { shape, dtype } = model.parameters.value(name);
  return ops.zeros(shape, { dtype: exactType(dtype) });
}

function matrixOf({ matrix }: VocabularyHead, { parameters }: Model): Tensor {
  return parameters.value(matrix);
}
