// No kernel of a device makes the host wait for the device: each operator of ours runs twice on the
// emulated device, and the second time nothing waits. The first may bring a matrix there.
import assert from 'node:assert/strict';
import test from 'ava';
import { formats } from '../../worker/methods/weights/weight-store.ts';
import { grad, leaf, withTape } from '../../worker/tensor/autograd.ts';
import { native } from '../../worker/tensor/native.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import type { Tensor } from '../../worker/tensor/tensor.ts';
import { countsOf, resetCounts } from '../builders/emulated-device.ts';
import { registeredIn } from './registered.ts';

await import('./on-device.ts');

const waits = () => countsOf(0).waits;

const bytes = (shape: readonly number[]) => ops.zeros(shape, { dtype: 'uint8' });
const words = (shape: readonly number[]) => ops.full(shape, 0.5, { dtype: 'bfloat16' });
const floats = (shape: readonly number[]) => ops.full(shape, 0.5);

/** Forward and the gradients of all inputs. */
function bothWays(f: (...leaves: Tensor[]) => Tensor | readonly Tensor[], ...inputs: Tensor[]) {
  withTape(() => {
    const leaves = inputs.map(leaf);
    const made = f(...leaves);
    const outputs = Array.isArray(made) ? (made as readonly Tensor[]) : [made as Tensor];
    grad(
      outputs,
      leaves,
      outputs.map((y) => ops.onesLike(y)),
    );
  });
}

const adam = { lr: 0.1, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0, step: 1 };

function prepared() {
  return {
    x: words([32, 64]),
    cu: ops.to(ops.mulScalar(ops.arange(0, 3), 16), 'int32'),
    labels: ops.zeros([32], { dtype: 'int64' }),
    frozen: ops.quantizeWeight(floats([64, 64]), formats.NF4Double, 64),
    affine: [bytes([4, 128]), floats([4, 2]), bytes([4, 2])] as const,
    coded: [bytes([4, 8, 2]), floats([2, 16, 8]), floats([4])] as const,
    halo: [1, 2].map((format) => ops.quantizeRotated(words([64, 64]), format, 1)),
    fp4: [1, 2].map((format) => ops.quantizeFp4(words([64, 64]), format)),
  };
}
type Prepared = ReturnType<typeof prepared>;

/** Operators that are registered for CUDA → a call that leads to them. */
const calls: Readonly<Record<string, (p: Prepared) => unknown>> = {
  adamw_: () => ops.adamw_(words([99]), words([99]), words([99]), words([99]), null, adam),
  adamw8bit_: () => {
    const [map, most] = [floats([256]), floats([1])];
    ops.adamw8bit_(words([99]), words([99]), bytes([99]), most, bytes([99]), most, map, map, adam);
  },
  affine_code_: ({ affine }) => ops.affineCode_(...affine, floats([4, 128]), 8, 3),
  affine_decode: ({ affine }) => ops.affineDecode(...affine, 128, false, { dtype: 'bfloat16' }),
  affine_add_product_: ({ affine }) =>
    ops.affineAddProduct_(...affine, floats([4, 3]), floats([3, 128]), 1, 1, 3),
  _attention_forward: ({ cu }) =>
    ops.attention(words([32, 4, 16]), words([32, 2, 16]), words([32, 2, 16]), cu, 0.2),
  _attention_backward: ({ cu }) =>
    bothWays(
      (q, k, v) => ops.attention(q as Tensor, k as Tensor, v as Tensor, cu, 0.2),
      words([32, 4, 16]),
      words([32, 2, 16]),
      words([32, 2, 16]),
    ),
  codebook_decode: ({ coded }) => ops.codebookDecode(...coded, { dtype: 'bfloat16' }),
  codebook_gradient: ({ coded }) => ops.codebookGradient(...coded, floats([4, 64])),
  codebook_search: ({ coded: [, books] }) =>
    ops.codebookSearch(floats([8, 8]), books, bytes([8, 2]), [0, 1], 2),
  rotate_rows: ({ x }) => ops.rotateRows(ops.narrow(x, 1, 0, 48), 1),
  rotate_tokens: ({ x }) => ops.rotateTokens(x, 32, 32),
  _product_of_codes({ halo }) {
    const [codes, scale] = halo[0] ?? assert.fail();
    const product = native.op('anneal::_product_of_codes', '');
    native.call(product, codes.handle, codes.handle, scale.handle, scale.handle);
  },
  quantize_rotated: ({ x }) => ops.quantizeRotated(x, 1, 1, 32),
  quantize_fp4: ({ x }) => ops.quantizeFp4(x, 1, { columns: true, signs: 5, key: 3 }),
  dequantize_fp4: ({ fp4 }) => {
    const [codes, scales] = fp4[0] ?? assert.fail();
    ops.dequantizeFp4(codes, scales, { dtype: 'bfloat16' });
  },
  gguf_dequantize: () => ops.ggufDequantize(bytes([34]), 8, 32, { dtype: 'bfloat16' }),
  gptq_sweep: () =>
    ops.gptqSweep(
      ...([floats([4, 64]), bytes([4, 64]), floats([4, 2]), floats([4, 2])] as const),
      ...([floats([64, 64]), 0, 64, 32, 15] as const),
    ),
  _head_rows_: ({ x, labels }) => ops.headNll(x, words([48, 64]), labels),
  _patches: ({ x }) => ops.patches(x, 4, 8, 3),
  _patches_backward: ({ x }) => bothWays((a) => ops.patches(a as Tensor, 4, 8, 3), x),
  philox_uniform_: ({ x }) => ops.philoxUniform_(x, 1),
  philox_mask_: ({ x }) => ops.philoxMask_(x, 1, 0.5),
  philox_normal_: ({ x }) => ops.philoxNormal_(x, 1),
  dequantize_weight: ({ frozen }) => ops.dequantizeWeight(frozen, { dtype: 'bfloat16' }),
  _quantized_few_rows: ({ frozen }) => ops.linear(words([4, 64]), frozen),
  _rms_norm_forward: ({ x }) => ops.rmsNorm(x, words([64]), 1e-5),
  _rms_norm_backward: ({ x }) =>
    bothWays((a, w) => ops.rmsNorm(a as Tensor, w as Tensor, 1e-5), x, words([64])),
  _layer_norm_forward: ({ x }) => ops.layerNorm(x, words([64]), words([64]), 1e-12),
  _layer_norm_backward: ({ x }) =>
    bothWays(
      (a, w, b) => ops.layerNorm(a as Tensor, w as Tensor, b as Tensor, 1e-12),
      x,
      words([64]),
      words([64]),
    ),
  _rope: ({ x }) => ops.rope(ops.reshape(x, [32, 4, 16]), floats([32, 8]), floats([32, 8])),
  stochastic_round_: ({ x }) => ops.stochasticRound_(x, floats([32, 64]), 1, 1),
  _swiglu_forward: ({ x }) => ops.swiglu(x, x),
  _swiglu_backward: ({ x }) => bothWays((g, u) => ops.swiglu(g as Tensor, u as Tensor), x, x),
};

/** Operators that are made of these and of libtorch's, whatever the device. */
const compositions: Readonly<Record<string, (p: Prepared) => unknown>> = {
  'linear, frozen': ({ x, frozen }) => bothWays((a) => ops.linear(a as Tensor, frozen, null), x),
  linear_dw_: ({ x }) => ops.linearDw_(floats([64, 64]), x, x),
  factor_product: () =>
    bothWays(
      (a, b) => ops.factorProduct(a as Tensor, b as Tensor),
      floats([8, 8]),
      floats([8, 64]),
    ),
  orthonormal_distance: () =>
    bothWays((a) => ops.orthonormalDistance(a as Tensor), floats([8, 32])),
  'lora_linear_group, one frozen': ({ x, frozen }) =>
    bothWays(
      (a, l, r) =>
        ops.loraLinearGroup(
          a as Tensor,
          [frozen, words([64, 64])],
          [null, null],
          [l as Tensor, l as Tensor],
          [r as Tensor, r as Tensor],
          [2, 2],
        ),
      x,
      floats([8, 64]),
      floats([64, 8]),
    ),
  'halo_linear_group, INT8 and FP8': ({ x, halo }) => {
    for (const [format, [codes, scale]] of halo.entries()) {
      bothWays(
        (a, w) =>
          ops.haloLinearGroup(
            ...[a as Tensor, [w as Tensor], [codes], [scale], [null]],
            ...[2, format + 1, true, 1, 256],
          ) as Tensor[],
        x,
        words([64, 64]),
      );
    }
  },
  'fp4_linear_group, NVFP4 and MXFP4': ({ x, fp4 }) => {
    for (const [format, [codes, scales, tensorScale]] of fp4.entries()) {
      bothWays(
        (a, w) =>
          ops.fp4LinearGroup(
            ...([a as Tensor, [w as Tensor], [codes], [scales], [tensorScale], [null]] as const),
            ...([format + 1, 5, [3]] as const),
          ),
        x,
        words([64, 64]),
      );
    }
  },
  'head_nll, with the gradient of the head': ({ x, labels }) =>
    ops.headNll(x, words([48, 64]), labels, { dweight: floats([48, 64]), cap: 3, zLoss: 0.1 }),
  'head_top and head_distil': ({ x, labels }) => {
    const head = words([48, 64]);
    const [ids, logQ] = ops.headTop(x, head, 5, { cap: 3 });
    ops.headDistil(x, head, labels, ids, logQ, { dweight: floats([48, 64]), cap: 3, mix: 0.5 });
  },
};

for (const [name, run] of Object.entries({ ...calls, ...compositions })) {
  test.serial(`the host does not wait for the device in ${name}`, (t) => {
    scope(() => {
      const p = prepared();
      run(p);
      resetCounts(0);
      run(p);
      t.is(waits(), 0);
    });
  });
}

test('no operator that has a CUDA kernel is left out', (t) => {
  const registered = registeredIn('CUDA', /\.cu$/);
  t.true(registered.length > 20);
  t.deepEqual(
    registered.filter((name) => !(name in calls)),
    [],
  );
});

test.serial('a frozen weight that is written over is read anew', (t) => {
  scope(() => {
    const of = (rows: number) => ops.quantizeWeight(floats([rows, 128 / rows]), 3, 32);
    const weight = of(2);
    const decoded = () => ops.dequantizeWeight(weight, { dtype: 'float32' }).shape;
    t.deepEqual(decoded(), [2, 64]);
    t.is(of(4).numel, weight.numel);
    ops.copy_(weight, of(4));
    t.deepEqual(decoded(), [4, 32]);
  });
});
