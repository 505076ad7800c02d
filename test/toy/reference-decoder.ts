// The judge: the decoder written down literally, one operator after the other, with an explicit
// mask and no fused kernel, block tape or cleverness. It is slow and obvious; the engine is
// compared with it.
//
// Legend: T tokens · H hidden size · N query heads · K key/value heads · D head size · I MLP size ·
// V vocabulary
import type { DecoderConfig, RopeConfig } from '../../worker/decoder/config.ts';
import { type Role, tensorName } from '../../worker/decoder/names.ts';
import { ropeFrequencies } from '../../worker/decoder/rope.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { type Tensor, tensor } from '../../worker/tensor/tensor.ts';

export interface Document {
  readonly ids: readonly number[];
  /** Restart with each document. */
  readonly positions: readonly number[];
  readonly segments: readonly number[];
}

export interface ReferenceModel {
  readonly config: DecoderConfig;
  /** By name; all of one floating-point type, which is the type of the computation. */
  readonly weights: ReadonlyMap<string, Tensor>;
}

export function document(ids: readonly number[]): Document {
  return { ids, positions: ids.map((_, i) => i), segments: ids.map(() => 0) };
}

/** Logits `[T, V]`. */
export function referenceLogits(model: ReferenceModel, input: Document): Tensor {
  const { config } = model;
  const weight = lookUp(model);
  let x = ops.indexSelect(weight('embedding'), 0, indices(input.ids));
  x = ops.mulScalar(x, config.embedScale);
  for (let layer = 0; layer < config.L; layer += 1) x = block(model, input, layer, x);
  const h = norm(config, x, weight('finalNorm'));
  const z = ops.matmul(h, ops.t(weight(config.tied ? 'embedding' : 'head')));
  return capped(z, config.logitCap);
}

/** Mean cross-entropy of the positions whose next token is of the same document. */
export function referenceLoss(model: ReferenceModel, input: Document): Tensor {
  const { ids, segments } = input;
  const targetCount = ids.flatMap((_, i) => (segments[i] === segments[i + 1] ? [i] : []));
  const logits = ops.indexSelect(referenceLogits(model, input), 0, indices(targetCount));
  const labels = indices(targetCount.map((i) => ids[i + 1] ?? 0));
  const picked = ops.gather(ops.logSoftmax(logits, 1), 1, ops.unsqueeze(labels, 1));
  return ops.neg(ops.mean(picked));
}

function block(model: ReferenceModel, input: Document, layer: number, x: Tensor): Tensor {
  const { config } = model;
  const weight = lookUp(model, layer);
  const attended = attention(model, input, layer, norm(config, x, weight('inputNorm')));
  const middle = config.sandwichNorms
    ? ops.add(x, norm(config, attended, weight('postAttentionNorm')))
    : ops.add(x, attended);
  const h = norm(config, middle, weight('preMlpNorm'));
  const [gate, up] = config.fused
    ? ops.chunk(linear(model, layer, 'gateUp', h), 2, 1)
    : [linear(model, layer, 'gate', h), linear(model, layer, 'up', h)];
  if (gate === undefined || up === undefined) throw new Error('gate and up are one tensor');
  const m = linear(model, layer, 'down', ops.mul(activate(config, gate), up));
  return ops.add(middle, config.sandwichNorms ? norm(config, m, weight('postMlpNorm')) : m);
}

function attention(model: ReferenceModel, input: Document, layer: number, h: Tensor): Tensor {
  const { config } = model;
  const { NH, NK, D } = config;
  const [q, k, v] = projections(model, layer, h);
  const T = input.ids.length;
  const heads = (y: Tensor, count: number) => ops.transpose(ops.reshape(y, [T, count, D]), 0, 1);
  const weight = lookUp(model, layer);
  const normed = (y: Tensor, role: 'qNorm' | 'kNorm') =>
    config.qkNorm ? norm(config, y, weight(role)) : y;
  const kind = config.layers[layer];
  const rope = (kind?.rope === 'sliding' ? config.rope.sliding : undefined) ?? config.rope.full;
  const q_NTD = rotate(normed(heads(q, NH), 'qNorm'), input, rope);
  const k_KTD = rotate(normed(heads(k, NK), 'kNorm'), input, rope);
  const k_NTD = ops.repeatInterleave(k_KTD, NH / NK, 0);
  const v_NTD = ops.repeatInterleave(heads(v, NK), NH / NK, 0);
  const scores = ops.mulScalar(
    ops.matmul(q_NTD, ops.transpose(k_NTD, 1, 2)),
    config.attentionScale,
  );
  const allowed = mask(input, kind?.attention === 'sliding' ? config.window : undefined);
  const s = ops.maskedFill(capped(scores, config.attentionCap), allowed, Number.NEGATIVE_INFINITY);
  const mixed = ops.matmul(ops.softmax(s, 2), v_NTD);
  return linear(model, layer, 'o', ops.reshape(ops.transpose(mixed, 0, 1), [T, NH * D]));
}

function projections(model: ReferenceModel, layer: number, h: Tensor): [Tensor, Tensor, Tensor] {
  const { fused, NH, NK, D } = model.config;
  if (!fused) {
    return [
      linear(model, layer, 'q', h),
      linear(model, layer, 'k', h),
      linear(model, layer, 'v', h),
    ];
  }
  const qkv = linear(model, layer, 'qkv', h);
  return [
    ops.narrow(qkv, 1, 0, NH * D),
    ops.narrow(qkv, 1, NH * D, NK * D),
    ops.narrow(qkv, 1, (NH + NK) * D, NK * D),
  ];
}

/** True where a token must not look: later ones, other documents, and those before the window. */
function mask({ segments }: Document, window = Number.POSITIVE_INFINITY): Tensor {
  const T = segments.length;
  const forbidden = segments.flatMap((own, i) =>
    segments.map((other, j) => (j <= i && own === other && j > i - window ? 0 : 1)),
  );
  return tensor(forbidden, [T, T], 'bool');
}

/** Half-split: pair (i, i + d/2) turns by `position * f_i`; dims behind d stay. */
function rotate(x: Tensor, { positions }: Document, rope: RopeConfig): Tensor {
  const { frequencies, attentionFactor } = ropeFrequencies(rope, positions.length);
  const half = frequencies.length;
  const table = (f: (angle: number) => number) =>
    tensor(
      positions.flatMap((p) => frequencies.map((each) => f(p * each) * attentionFactor)),
      [positions.length, half],
      x.dtype,
    );
  const cos = table(Math.cos);
  const sin = table(Math.sin);
  const a = ops.narrow(x, 2, 0, half);
  const b = ops.narrow(x, 2, half, half);
  const rest = ops.narrow(x, 2, 2 * half, (x.shape[2] ?? 0) - 2 * half);
  return ops.cat(
    [ops.sub(ops.mul(a, cos), ops.mul(b, sin)), ops.add(ops.mul(b, cos), ops.mul(a, sin)), rest],
    2,
  );
}

function norm({ normEps, normOffset }: DecoderConfig, x: Tensor, w: Tensor): Tensor {
  const mean = ops.meanDim(ops.square(x), [-1], true);
  const normed = ops.mul(x, ops.rsqrt(ops.addScalar(mean, normEps)));
  return ops.mul(normed, ops.addScalar(w, normOffset));
}

function activate({ activation }: DecoderConfig, x: Tensor): Tensor {
  if (activation === 'silu') return ops.silu(x);
  return ops.gelu(x, { approximate: activation === 'gelu-tanh' ? 'tanh' : 'none' });
}

function capped(x: Tensor, cap: number | undefined): Tensor {
  return cap === undefined ? x : ops.mulScalar(ops.tanh(ops.divScalar(x, cap)), cap);
}

function linear(model: ReferenceModel, layer: number, role: Role, x: Tensor): Tensor {
  const product = ops.matmul(x, ops.t(lookUp(model, layer)(role)));
  const bias = model.weights.get(tensorName(model.config, role, layer, 'bias'));
  return bias === undefined ? product : ops.add(product, bias);
}

function lookUp({ config, weights }: ReferenceModel, layer?: number) {
  return (role: Role): Tensor => {
    const name = tensorName(config, role, layer);
    const found = weights.get(name);
    if (found === undefined) throw new Error(`the model has no ${name}`);
    return found;
  };
}

function indices(values: readonly number[]): Tensor {
  return tensor(values, [values.length], 'int64');
}
