/**
 * Kernels beside what they replace, float32, at the sizes of a SmolLM2-135M block with 512 tokens.
 * Both sides compute the same values: test/numerics compares them.
 */
import { adamW } from '../../../worker/methods/optimizers/adamw.ts';
import { adamW8bit } from '../../../worker/methods/optimizers/adamw-8bit.ts';
import type { Optimizer } from '../../../worker/methods/optimizers/optimizer.ts';
import { formats } from '../../../worker/methods/weights/weight-store.ts';
import { grad, leaf, withTape } from '../../../worker/tensor/autograd.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../worker/tensor/rng.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, tensor } from '../../../worker/tensor/tensor.ts';
import { affineCases } from './affine-cases.ts';
import { codebookCases } from './codebook-cases.ts';
import { servedCases } from './served-cases.ts';
import { subspaceCases } from './subspace-cases.ts';

export interface KernelCase {
  readonly name: string;
  readonly reference: string;
  readonly ours: () => void;
  readonly theirs: () => void;
  /** Operations of one call, where arithmetic is the limit. */
  readonly flops?: number;
  /** Bytes that must be read or written, where memory is. */
  readonly bytes?: number;
}

const T = 512;
const H = 576;
const I = 1536;
const V = 49_152;
/** Inputs and outputs of the widest linears of SmolLM2-360M and 1.7B. */
const larger = [
  [960, 2560],
  [2048, 8192],
] as const;
const heads = { q: 9, kv: 3, size: 64 };
const rank = 16;
const float = 4;
const stream = streamOf(3, 'bench');

function draw(...shape: readonly number[]): Tensor {
  return normal(shape, 0.5, stream);
}

function drawBfloat16(...shape: readonly number[]): Tensor {
  return ops.to(draw(...shape), 'bfloat16');
}

/** Forward and backward of `f`, gradients for all inputs. */
function both(f: (...x: Tensor[]) => Tensor, inputs: readonly Tensor[], dy: Tensor): () => void {
  return () => {
    withTape(() => {
      const leaves = inputs.map(leaf);
      grad([f(...leaves)], leaves, [dy]);
    });
  };
}

/** So many calls, each of which gives its results back. */
function often(times: number, act: () => unknown): () => void {
  return () => {
    for (let i = 0; i < times; i += 1) scope(() => void act());
  };
}

/** The first to last, as a function of that many inputs. */
type Inputs<Count extends 2 | 3> = Count extends 2 ? [Tensor, Tensor] : [Tensor, Tensor, Tensor];

function of<Count extends 2 | 3>(f: (...x: Inputs<Count>) => Tensor): (...x: Tensor[]) => Tensor {
  // The list of inputs beside each call has this length.
  return (...x) => f(...(x as Inputs<Count>));
}

export function kernelCases(): readonly KernelCase[] {
  return [
    linear('float32'),
    linear('bfloat16'),
    lora('float32', draw),
    lora('float32', drawBfloat16),
    lora('bfloat16', drawBfloat16),
    ...(['NF4Double', 'NF4', 'Int8', 'Int4', 'Int3', 'Int2'] as const).map(quantized),
    halo('bfloat16', 'INT8', 2),
    halo('float32', 'INT8', 2),
    halo('bfloat16', 'INT8', 2, 'kept'),
    ...larger.flatMap((shape) => [
      halo('bfloat16', 'INT8', 2, 'made', shape),
      halo('float32', 'INT8', 2, 'made', shape),
    ]),
    halo('bfloat16', 'INT8', 0),
    halo('bfloat16', 'FP8', 0),
    fp4('NVFP4'),
    fp4('MXFP4'),
    ...[H, 960, 1024, I].map((width) => rotation(width, 65_536, 1)),
    ...[H, 960, 1024, I].map((width) => rotation(width, 64, 100)),
    ...(['NF4Double', 'NF4', 'Int8', 'Int4'] as const).map(decoding),
    attention(),
    norm(),
    swiglu(),
    rope(),
    head(),
    adam(),
    adam8(),
    round(),
    ...affineCases(),
    ...codebookCases(),
    ...servedCases(),
    ...subspaceCases(),
  ];
}

type Float = 'float32' | 'bfloat16';

function linear(dtype: Float): KernelCase {
  const drawn = dtype === 'float32' ? draw : drawBfloat16;
  const [x, w, dy] = [drawn(T, H), drawn(I, H), drawn(T, I)];
  return {
    name: `linear, ${dtype}`,
    reference: 'aten::linear',
    ours: both(
      of<2>((x, w) => ops.linear(x, w)),
      [x, w],
      dy,
    ),
    theirs: both(
      of<2>((x, w) => ops.atenLinear(x, w)),
      [x, w],
      dy,
    ),
    flops: 6 * T * H * I,
  };
}

/**
 * The peer keeps a frozen weight in the type of the model, ours keeps it in the type of its file.
 */
function lora(dtype: Float, frozen: typeof draw): KernelCase {
  const drawn = dtype === 'float32' ? draw : drawBfloat16;
  const [x, dy] = [drawn(T, H), drawn(T, I)];
  const [A, B] = [draw(rank, H), draw(I, rank)];
  const w = frozen(I, H);
  const [wide, wideA, wideB] = [w, A, B].map((t) => ops.to(t, dtype)) as [Tensor, Tensor, Tensor];
  return {
    name: `lora_linear, ${dtype}, frozen W in ${w.dtype}`,
    reference: 'three aten::linear, mul, add',
    ours: both(
      of<3>((x, A, B) => ops.loraLinear(x, w, null, A, B, 2)),
      [x, A, B],
      dy,
    ),
    theirs: both(
      of<3>((x, A, B) =>
        ops.add(ops.atenLinear(x, wide), ops.mulScalar(ops.atenLinear(ops.atenLinear(x, A), B), 2)),
      ),
      [x, wideA, wideB],
      dy,
    ),
    flops: 4 * T * H * I + 8 * T * rank * (H + I),
  };
}

/**
 * Frozen weights in fewer bits beside the same in bfloat16: a forward and the gradient of the
 * input.
 */
function quantized(format: keyof typeof formats): KernelCase {
  const [x, w, dy] = [draw(T, H), draw(I, H), draw(T, I)].map((each) => ops.to(each, 'bfloat16'));
  const stored = ops.quantizeWeight(w as Tensor, formats[format], 64);
  const through = (weight: Tensor) =>
    both((x) => ops.linear(x as Tensor, weight), [x as Tensor], dy as Tensor);
  return {
    name: `linear, frozen ${format} W`,
    reference: 'anneal::linear, frozen bfloat16 W',
    ours: through(stored),
    theirs: through(w as Tensor),
    flops: 4 * T * H * I,
  };
}

/**
 * Three products in 8 bits, everything counted; codes of the weight too, unless they are kept as a
 * step keeps them after its first micro-batch.
 */
function halo(
  dtype: Float,
  format: 'INT8' | 'FP8',
  level: number,
  codesOfWeight: 'made' | 'kept' = 'made',
  [inputs, outputs]: readonly [number, number] = [H, I],
): KernelCase {
  const drawn = dtype === 'float32' ? draw : drawBfloat16;
  const [x, w, dy] = [drawn(T, inputs), drawn(outputs, inputs), drawn(T, outputs)];
  const [code, kind] = [format === 'INT8' ? 1 : 2, level > 0 ? 1 : 0];
  const coded = (w: Tensor) => ops.quantizeRotated(ops.detach(w), code, kind);
  const before = codesOfWeight === 'kept' ? coded(ops.to(w, 'bfloat16')) : undefined;
  const layer = (x: Tensor, w: Tensor): Tensor => {
    const [codes, scale] = before ?? coded(w);
    const ys = ops.haloLinearGroup(x, [w], [codes], [scale], [null], level, code, true, 1, 1024);
    return ys[0] as Tensor;
  };
  return {
    name: `HALO-${level} ${format} linear${before ? ', codes of W kept' : ''}, ${inputs} to ${outputs}`,
    reference: `anneal::linear, ${dtype}`,
    ours: both(of<2>(layer), drawBfloat16Like([x, w]), ops.to(dy, 'bfloat16')),
    theirs: both(
      of<2>((x, w) => ops.linear(x, w)),
      [x, w],
      dy,
    ),
    flops: 6 * T * inputs * outputs,
  };
}

/** Three products in 4 bits, everything counted, codes of the weight too. */
function fp4(format: 'NVFP4' | 'MXFP4'): KernelCase {
  const [x, w, dy] = [drawBfloat16(T, H), drawBfloat16(I, H), drawBfloat16(T, I)];
  const [code, square] = [format === 'NVFP4' ? 1 : 2, format === 'NVFP4'];
  const layer = (x: Tensor, w: Tensor): Tensor => {
    const [codes, scales, tensorScale] = ops.quantizeFp4(ops.detach(w), code, { square });
    const [y] = ops.fp4LinearGroup(x, [w], [codes], [scales], [tensorScale], [null], code, 5, [3]);
    return y as Tensor;
  };
  return {
    name: `${format} linear, ${H} to ${I}`,
    reference: 'anneal::linear, bfloat16',
    ours: both(of<2>(layer), [x, w], dy),
    theirs: both(
      of<2>((x, w) => ops.linear(x, w)),
      [x, w],
      dy,
    ),
    flops: 6 * T * H * I,
  };
}

function drawBfloat16Like(tensors: readonly Tensor[]): Tensor[] {
  return tensors.map((one) => ops.to(one, 'bfloat16'));
}

/**
 * Rows beside their copy, as a plain copy reads and writes them: many, which fit no cache, or few,
 * some times.
 */
function rotation(width: number, rows: number, times: number): KernelCase {
  const x = drawBfloat16(rows, width);
  const into = ops.emptyLike(x);
  return {
    name: `rotate_rows, bfloat16 ${rows} x ${width}${times > 1 ? `, ${times} times` : ''}`,
    reference: 'aten::copy_',
    ours: often(times, () => ops.rotateRows(x, 1)),
    theirs: often(times, () => ops.copy_(into, x)),
    bytes: 2 * 2 * x.numel * times,
  };
}

/** One row, as in answering: the weights are read once, and nothing else takes time. */
function decoding(format: keyof typeof formats): KernelCase {
  const [x, w] = [draw(1, H), draw(I, H)].map((each) => ops.to(each, 'bfloat16')) as [
    Tensor,
    Tensor,
  ];
  const stored = ops.quantizeWeight(w, formats[format], 64);
  const times = 20;
  return {
    name: `linear, one row, ${format} W, ${times} times`,
    reference: 'anneal::linear, bfloat16 W',
    ours: often(times, () => ops.linear(x, stored)),
    theirs: often(times, () => ops.linear(x, w)),
    bytes: times * stored.bytes,
  };
}

function attention(): KernelCase {
  const { q: N, kv: K, size: D } = heads;
  const [q, k, v, dy] = [draw(T, N, D), draw(T, K, D), draw(T, K, D), draw(T, N, D)];
  const offsets = tensor([0, T], [2], 'int32');
  const turned = (x: Tensor) => ops.unsqueeze(ops.transpose(x, 0, 1), 0);
  return {
    name: 'attention, one document',
    reference: 'aten::scaled_dot_product_attention',
    ours: both(
      of<3>((q, k, v) => ops.attention(q, k, v, offsets, D ** -0.5)),
      [q, k, v],
      dy,
    ),
    theirs: both(
      of<3>((q, k, v) => {
        const attended = ops.scaledDotProductAttention(
          ...([turned(q), turned(k), turned(v)] as const),
          ...([null, 0, true] as const),
          { enableGqa: true },
        );
        return ops.transpose(ops.squeeze(attended, 0), 0, 1);
      }),
      [q, k, v],
      dy,
    ),
    // Half of the scores are masked; backward has five products to the forward's two.
    flops: 7 * T * T * N * D,
  };
}

function norm(): KernelCase {
  const [x, w, dy] = [draw(T, H), draw(H), draw(T, H)];
  return {
    name: 'rms_norm',
    reference: 'aten::rms_norm',
    ours: both(
      of<2>((x, w) => ops.rmsNorm(x, w, 1e-5, 0)),
      [x, w],
      dy,
    ),
    theirs: both(
      of<2>((x, w) => ops.rmsNormReference(x, [H], w, 1e-5)),
      [x, w],
      dy,
    ),
    bytes: 5 * T * H * float,
  };
}

function swiglu(): KernelCase {
  const [gate, up, dy] = [draw(T, I), draw(T, I), draw(T, I)];
  return {
    name: 'swiglu',
    reference: 'aten::silu, mul',
    ours: both(
      of<2>((gate, up) => ops.swiglu(gate, up, 0)),
      [gate, up],
      dy,
    ),
    theirs: both(
      of<2>((gate, up) => ops.mul(ops.silu(gate), up)),
      [gate, up],
      dy,
    ),
    bytes: 8 * T * I * float,
  };
}

function rope(): KernelCase {
  const half = heads.size / 2;
  const [x, cos, sin] = [draw(T, heads.q, heads.size), draw(T, half), draw(T, half)];
  const wide = (table: Tensor) => ops.unsqueeze(ops.cat([table, table], 1), 1);
  const [c, s] = [wide(cos), wide(sin)];
  return {
    name: 'rope',
    reference: 'x cos + rotated x sin',
    ours: () => void ops.rope(x, cos, sin),
    theirs: () => {
      const [low, high] = ops.chunk(x, 2, -1) as [Tensor, Tensor];
      ops.add(ops.mul(x, c), ops.mul(ops.cat([ops.neg(high), low], -1), s));
    },
    bytes: 2 * T * heads.q * heads.size * float,
  };
}

function head(): KernelCase {
  const rows = 256;
  const [h, w] = [draw(rows, H), draw(V, H)];
  const labels = tensor(
    Array.from({ length: rows }, (_, i) => (i * 997) % V),
    [rows],
    'int64',
  );
  return {
    name: `head, ${rows} rows`,
    reference: 'aten::linear, cross_entropy_loss',
    ours: () => void ops.headNll(h, w, labels, { invN: 1 / rows }),
    theirs: () => {
      withTape(() => {
        const input = leaf(h);
        const loss = ops.crossEntropyLoss(ops.atenLinear(input, w), labels);
        grad([loss], [input], [ops.onesLike(loss)]);
      });
    },
    flops: 4 * rows * H * V,
  };
}

const parameters = 4_000_000;
const settings = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  masterWeights: 'Float32',
} as const;

function adam(): KernelCase {
  const [p, g, m, v] = [0, 1, 2, 3].map(() => draw(parameters)) as [Tensor, Tensor, Tensor, Tensor];
  const step = tensor([10], [], 'float32');
  return {
    name: 'adamw_',
    reference: 'aten::_fused_adamw_',
    ours: updating(adamW(settings), p, g),
    theirs: () =>
      ops.fusedAdamw_([p], [g], [m], [ops.abs(v)], [], [step], {
        ...{ lr: 1e-6, beta1: 0.9, beta2: 0.999, weightDecay: 0, eps: 1e-8 },
        ...{ amsgrad: false, maximize: false },
      }),
    bytes: 7 * parameters * float,
  };
}

function adam8(): KernelCase {
  const [p, g] = [draw(parameters), draw(parameters)];
  return {
    name: 'adamw8bit_',
    reference: 'anneal::adamw_',
    ours: updating(adamW8bit(settings), p, g),
    theirs: updating(adamW(settings), p, g),
    bytes: parameters * (3 * float + 4),
  };
}

function updating(optimizer: Optimizer, value: Tensor, gradient: Tensor): () => void {
  const state = optimizer.initialize(value);
  return () =>
    optimizer.update(value, gradient, state, {
      ...{ learningRate: 1e-6, count: 10, gradientScale: 1, decayed: false, stream },
    });
}

function round(): KernelCase {
  const x = draw(parameters);
  const out = ops.empty([parameters], { dtype: 'bfloat16' });
  return {
    name: 'stochastic_round_',
    reference: 'random bits, add, mask in aten',
    ours: () => void ops.stochasticRound_(out, x, 1, 0),
    theirs: () => {
      const bits = ops.viewDtype(x, 'int32');
      const noise = ops.to(ops.philoxUniform_(ops.empty([parameters]), 1, 0, 65_536), 'int32');
      const sum = ops.bitwiseAndScalar(ops.add(bits, noise), -65_536);
      ops.copy_(out, ops.viewDtype(sum, 'float32'));
    },
    bytes: parameters * 6,
  };
}
