// Final norm, head and loss with their gradients by hand: no tape over the vocabulary. Only rows
// that have a label get logits (prompts and padding never do), and those in chunks, so the largest
// temporary of the model is `chunk * V` values.
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { rmsNorm } from '../nn/rms-norm.ts';
import type { Bin } from './bin.ts';
import { finalNormName, headName, type Model } from './model.ts';

/** Rows of logits that exist at one time. */
export const headChunkRows = 512;

export interface HeadLoss {
  /** Sum of the negative log-likelihoods over the learned rows; a float64 scalar. */
  readonly nll: Tensor;
  /** Learned rows whose label has the largest logit; an int64 scalar. */
  readonly correct: Tensor;
}

export interface HeadGradients {
  /** Gradient of the residual stream, `[T, H]`. */
  readonly input: Tensor;
  /** Gradient of the final norm's weight, null while it does not move. */
  readonly norm: Tensor | null;
}

/** The loss of the bin's learned rows; nothing is kept for a backward. */
export function headLoss(model: Model, x: Tensor, bin: Bin): HeadLoss {
  return scope(() => {
    const h = normed(model, ops.indexSelect(x, 0, bin.rows), model.parameters.value(finalNormName));
    const chunks = chunksOf(bin.learned).map(({ start, rows }) =>
      scope(() => {
        const labels = ops.narrow(bin.labels, 0, start, rows);
        const { nll, correct } = chunkLoss(logits(model, ops.narrow(h, 0, start, rows)), labels);
        return { nll, correct };
      }),
    );
    return total(chunks);
  });
}

/**
 * Loss and gradients at once. `scale` is 1 over the learned tokens of the whole global batch;
 * `dHead [V, H]` in float32 takes the head's gradient where the head moves.
 */
export function headBackward(
  model: Model,
  x: Tensor,
  bin: Bin,
  scale: number,
  normMoves: boolean,
  dHead: Tensor | null,
): HeadLoss & HeadGradients {
  return scope(() => {
    const weight = model.parameters.value(finalNormName);
    const rows = leaf(ops.indexSelect(x, 0, bin.rows));
    const norm = normMoves ? leaf(weight) : weight;
    const h = withTape(() => normed(model, rows, norm));
    const dh = ops.emptyLike(rows);
    const chunks = chunksOf(bin.learned).map(({ start, rows: count }) =>
      scope(() => {
        const part = ops.narrow(ops.detach(h), 0, start, count);
        const labels = ops.narrow(bin.labels, 0, start, count);
        const z = logits(model, part);
        const { nll, correct, logSum } = chunkLoss(z, labels);
        const dz = logitGradient_(model, z, logSum, labels, scale);
        if (dHead !== null) ops.addmm_(dHead, ops.t(dz), ops.to(part, dHead.dtype));
        const gradient = ops.mm(ops.to(dz, rows.dtype), headWeight(model));
        ops.copy_(ops.narrow(dh, 0, start, count), gradient);
        return { nll, correct };
      }),
    );
    const [dRows, dNorm] = grad([h], normMoves ? [rows, norm] : [rows], [dh]);
    const input = ops.zerosLike(x);
    if (dRows !== undefined && dRows !== null) ops.indexCopy_(input, 0, bin.rows, dRows);
    return { ...total(chunks), input, norm: dNorm ?? null };
  });
}

interface Chunk {
  readonly start: number;
  readonly rows: number;
}

function chunksOf(rows: number): readonly Chunk[] {
  const count = Math.ceil(rows / headChunkRows);
  return Array.from({ length: count }, (_, index) => {
    const start = index * headChunkRows;
    return { start, rows: Math.min(headChunkRows, rows - start) };
  });
}

/** Capped logits `[C, V]`, in float32 unless the model is float64. */
function logits(model: Model, h: Tensor): Tensor {
  const z = ops.linear(h, headWeight(model), null);
  const wide = z.dtype === 'float64' ? z : ops.to(z, 'float32');
  const cap = model.config.logitCap;
  return cap === undefined ? wide : ops.mulScalar(ops.tanh(ops.divScalar(wide, cap)), cap);
}

function chunkLoss(z: Tensor, labels: Tensor): HeadLoss & { readonly logSum: Tensor } {
  const logSum = ops.logsumexp(z, [1], true);
  const chosen = ops.gather(z, 1, ops.unsqueeze(labels, 1));
  return {
    nll: ops.sum(ops.to(ops.sub(logSum, chosen), 'float64')),
    correct: ops.sum(ops.eq(ops.argmax(z, 1), labels)),
    logSum,
  };
}

/** Turns capped logits into the gradient of the loss before the cap: `(softmax - onehot) * scale`. */
function logitGradient_(
  model: Model,
  z: Tensor,
  logSum: Tensor,
  labels: Tensor,
  scale: number,
): Tensor {
  const cap = model.config.logitCap;
  const slope =
    cap === undefined ? null : ops.rsubScalar(ops.square(ops.divScalar(z, cap)), 1);
  const shares = ops.exp_(ops.sub_(z, logSum));
  const rows = ops.unsqueeze(labels, 1);
  ops.scatterAdd_(shares, 1, rows, ops.fullLike(logSum, -1));
  ops.mulScalar_(shares, scale);
  return slope === null ? shares : ops.mul_(shares, slope);
}

function total(chunks: readonly HeadLoss[]): HeadLoss {
  if (chunks.length === 0) {
    return { nll: ops.zeros([], { dtype: 'float64' }), correct: ops.zeros([], { dtype: 'int64' }) };
  }
  return {
    nll: ops.sum(ops.stack(chunks.map(({ nll }) => nll))),
    correct: ops.sum(ops.stack(chunks.map(({ correct }) => correct))),
  };
}

function normed(model: Model, x: Tensor, weight: Tensor): Tensor {
  return rmsNorm(x, weight, model.config.normEps, model.config.normOffset);
}

function headWeight(model: Model): Tensor {
  return model.parameters.value(headName(model.config));
}
