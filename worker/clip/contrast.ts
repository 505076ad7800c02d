// How pictures and texts are told to belong together: by their similarities in the joint space.
//   S = e^s I T^t        I [N, P] and T [C, P] with rows of length 1, s the scale of logits
// Of pairs, with a text for each picture, both learn to find the other among all (Radford et al.
// 2021): the loss of a pair is the mean of the cross entropies of its row and its column. Of
// classes, with a text for each class, a picture finds its class.
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Rows of one length, 1: `[rows, P]`. */
export function unit(x: Tensor): Tensor {
  return ops.div(x, ops.sqrt(ops.sumDim(ops.square(x), [1], true)));
}

interface Compared {
  /** `[N, P]` */
  readonly pictures: Tensor;
  /** `[C, P]`; of pairs `[N, P]`, in the order of the pictures. */
  readonly texts: Tensor;
  /** A scalar. */
  readonly logitScale: Tensor;
}

/** Logits of all texts for each picture, `[N, C]`. */
export function similarities({ pictures, texts, logitScale }: Compared): Tensor {
  const wide = ops.to(logitScale, pictures.dtype);
  return ops.mul(ops.mm(pictures, ops.t(texts)), ops.exp(wide));
}

interface Found {
  /** Loss of each picture, `[N]`, and whether its own text is the likeliest, `[N]`. */
  readonly rows: Tensor;
  readonly right: Tensor;
  /** Gradient of the sum of all losses with respect to S, `[N, C]`. */
  readonly ofLogits: Tensor;
}

/** Where row i belongs to column `labels[i]`. */
export function ofClasses(logits: Tensor, labels: Tensor): Found {
  return scope(() => {
    const logs = ops.logSoftmax(logits, 1);
    const at = ops.unsqueeze(labels, 1);
    const ones = ops.scatterScalar_(ops.zerosLike(logs), 1, at, 1);
    return {
      rows: ops.neg(ops.squeeze(ops.gather(logs, 1, at), 1)),
      right: ops.eq(ops.argmax(logs, 1), labels),
      ofLogits: ops.sub(ops.exp(logs), ones),
    };
  });
}

/** Where row i belongs to column i: the mean of both directions. */
export function ofPairs(logits: Tensor): Found {
  return scope(() => {
    const own = ops.arange(0, logits.shape[0] ?? 0, 1, { dtype: 'int64' });
    const [row, column] = [ofClasses(logits, own), ofClasses(ops.t(logits), own)];
    const half = (a: Tensor, b: Tensor): Tensor => ops.mulScalar(ops.add(a, b), 0.5);
    return {
      ...{ rows: half(row.rows, column.rows), right: row.right },
      ofLogits: half(row.ofLogits, ops.t(column.ofLogits)),
    };
  });
}

interface ContrastGradients {
  readonly pictures: Tensor;
  readonly texts: Tensor;
  /** Of each picture its part, `[N]`: they add up to that of the scale. */
  readonly logitScale: Tensor;
}

/** Of what was compared, for the gradient of the logits. */
export function contrastGradients(of: Compared, logits: Tensor, g: Tensor): ContrastGradients {
  return scope(() => {
    const scaled = ops.mul(g, ops.exp(ops.to(of.logitScale, g.dtype)));
    return {
      pictures: ops.mm(scaled, of.texts),
      texts: ops.mm(ops.t(scaled), of.pictures),
      logitScale: ops.sumDim(ops.mul(g, logits), [1]),
    };
  });
}
