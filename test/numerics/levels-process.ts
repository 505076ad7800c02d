// One process at the level that ANNEAL_CPU_LEVEL says: products and training steps with one, two
// and three threads. Prints what came out, for levels.test.ts to compare with what other levels
// make of the same.
import { createHash } from 'node:crypto';
import { freshState } from '../../worker/checkpoint/trainer-state.ts';
import { lora } from '../../worker/methods/adapters/lora.ts';
import { adamW } from '../../worker/methods/optimizers/adamw.ts';
import { adamW8bit } from '../../worker/methods/optimizers/adamw-8bit.ts';
import { exactSubspaces, galore } from '../../worker/methods/optimizers/galore.ts';
import { sgd } from '../../worker/methods/optimizers/sgd.ts';
import { Halo } from '../../worker/methods/precision/halo.ts';
import { nf4 } from '../../worker/methods/weights/nf4.ts';
import { type DType, dtypeEpsilon } from '../../worker/tensor/dtype.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { type Tensor, toArray, toBytes } from '../../worker/tensor/tensor.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { train } from '../../worker/train/loop.ts';
import { aPvTuning, toyCodebook, toyCodes } from '../builders/pv-tuning.ts';
import { countUp, plainAdamW, Training, type TrainingOptions } from '../builders/toy-training.ts';
import { aSequence } from '../builders/training.ts';
import { draw, run, wide } from './kernels/compare.ts';
import { exactly } from './kernels/products.ts';

export interface Found {
  /** Of all bytes, with one thread and with more. */
  readonly digests: readonly string[];
  readonly values: readonly number[];
  /** How far each value may be from the exact one. */
  readonly allowed: readonly number[];
}

export interface LevelReport {
  readonly level: string;
  readonly found: Readonly<Record<string, Found>>;
}

interface Made {
  readonly bytes: readonly Uint8Array[];
  readonly values: readonly number[];
  readonly allowed: readonly number[];
}

/** The formula of kernels/products.ts. */
function allowedOf(exact: Tensor, magnitudes: Tensor, depth: number, dtype: DType): number[] {
  const sums = ops.mulScalar(magnitudes, (4 + Math.sqrt(depth)) * dtypeEpsilon('float32'));
  const rounding = ops.mulScalar(ops.abs(exact), 0.501 * dtypeEpsilon(dtype));
  return toArray(ops.add(sums, rounding));
}

function product(dtype: DType): () => Made {
  return () =>
    scope(() => {
      const x = draw('x', [130, 300], dtype);
      const weight = draw('weight', [96, 300], dtype);
      const dy = draw('dy', [130, 96], dtype);
      const made = run((a, w) => ops.linear(a as Tensor, w as Tensor), [x, weight], [dy]);
      const tensors = [...made.outputs, ...made.gradients];
      const exact = [exactly(x, ops.t(weight)), exactly(dy, weight), exactly(ops.t(dy), x)];
      const depths = [300, 96, 130];
      return {
        bytes: tensors.map(toBytes),
        values: tensors.flatMap((each) => toArray(wide(each))),
        allowed: exact.flatMap(({ product: value, magnitudes }, i) =>
          allowedOf(value, magnitudes, depths[i]!, dtype),
        ),
      };
    });
}

/** What is learned of in a step: 40 and 24 tokens, each but the last of a text. */
const tokens = 39 + 23;

/**
 * Loss and gradient of the first step, on the same weights everywhere, and the bytes of two. A step
 * of this toy is a chain of some thirty operations, there and back; each rounds what it puts out to
 * `unit`, and the errors add up as a walk does. The loss is a mean over the tokens, the norm a root
 * of squares over even more: their walks are independent, and the mean of them shorter by the root
 * of their number.
 */
function steps(unit: number, options: TrainingOptions): () => Promise<Made> {
  return async () => {
    using training = new Training({
      // Matrices of more values than one thread's share.
      ...{ config: { hidden_size: 256, intermediate_size: 512, num_hidden_layers: 1 } },
      ...{
        batches: [[aSequence([countUp(0, 40)]), aSequence([countUp(3, 24)])]],
        plan: { totalSteps: 2 },
      },
      ...options,
    });
    await train(training.parts, freshState);
    const [first] = training.ofType('step');
    const values = [first?.loss ?? Number.NaN, first?.gradNorm ?? Number.NaN];
    return {
      bytes: [...training.bits().values()],
      values,
      allowed: values.map((value) => Math.sqrt((2 * 30) / tokens) * unit * value),
    };
  };
}

const chance = { ...plainAdamW, masterWeights: 'StochasticRounding' } as const;
const adapter = lora({
  ...{ rank: 4, alpha: 8, dropout: 0.1, scaling: 'Standard', learningRateRatio: 2 },
  ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float32' },
});
const galoreOf = (masterWeights: 'Float32' | 'StochasticRounding') => ({
  ...{ rank: 16, scale: 1, weightDecay: 0.01, masterWeights },
});
const halo = () =>
  new Halo({
    ...{ format: 'INT8', level: 2, reuses: true, rotation: 'Hartley', tokenBlock: 1024 },
    excludes: () => false,
  });

/** Products in float32 sum up to 512 terms, each rounded: as allowed above. */
const inFloat32 = (4 + Math.sqrt(512)) * dtypeEpsilon('float32');
const inBfloat16 = 0.501 * dtypeEpsilon('bfloat16');
/** A value on the border of two codes of 8 bits takes the one or the other. */
const inEightBits = 1 / 127;

const cases: Readonly<Record<string, () => Made | Promise<Made>>> = {
  'a product in float32': product('float32'),
  'a product in bfloat16': product('bfloat16'),
  SGD: steps(inFloat32, {
    optimizer: sgd({ momentum: 0.9, weightDecay: 0, masterWeights: 'Float32' }),
  }),
  AdamW: steps(inFloat32, {}),
  'AdamW in bfloat16': steps(inBfloat16, { dtype: 'bfloat16', optimizer: adamW(chance) }),
  '8-bit AdamW': steps(inBfloat16, { dtype: 'bfloat16', optimizer: adamW8bit(chance) }),
  GaLore: steps(inFloat32, {
    optimizer: galore(galoreOf('Float32'), adamW(plainAdamW), exactSubspaces(1)),
  }),
  'codes of 8 bits': steps(inBfloat16, {
    ...{ dtype: 'bfloat16', coded: true, optimizer: adamW(chance) },
  }),
  'LoRA beside NF4': steps(inBfloat16, {
    ...{ dtype: 'bfloat16', adapter, store: nf4({ blockSize: 64, scales: 'DoubleQuantized' }) },
  }),
  HALO: steps(inEightBits, { dtype: 'bfloat16', precision: halo(), optimizer: adamW(chance) }),
  'PV-Tuning': steps(inFloat32, { codebook: toyCodebook, optimizer: aPvTuning(toyCodes) }),
};

const found: Record<string, Found> = {};
for (const [name, make] of Object.entries(cases)) {
  const made: Made[] = [];
  for (const threads of [1, 2, 3]) {
    setThreads(threads);
    made.push(await make());
  }
  const { values, allowed } = made[0]!;
  found[name] = { digests: made.map(({ bytes }) => digestOf(bytes)), values, allowed };
}
const report: LevelReport = { level: ops.chooseIsa(), found };
process.stdout.write(JSON.stringify(report));

function digestOf(bytes: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const each of bytes) hash.update(each);
  return hash.digest('hex');
}
