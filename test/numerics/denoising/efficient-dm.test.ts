// EfficientDM on a toy: what is trained is what integers compute, each denoising step has inputs of
// its own, and a student learns along the trajectories of the full model, without data.
import test from 'ava';
import { scaleAware } from '../../../worker/denoising/efficient-dm.ts';
import { inputRanges } from '../../../worker/denoising/input-ranges.ts';
import {
  firstNoise,
  guidedNoise,
  patchesOnDevice,
  samplePictures,
} from '../../../worker/denoising/sample.ts';
import { Trajectory, type TrajectorySettings } from '../../../worker/denoising/trajectory.ts';
import { trajectorySequence } from '../../../worker/denoising/trajectory-sequence.ts';
import { diffusionConfig } from '../../../worker/diffusion/config.ts';
import { ddimSteps } from '../../../worker/diffusion/ddim.ts';
import { fromPatches } from '../../../worker/diffusion/patches.ts';
import { linearSampler } from '../../../worker/diffusion/sampler-config.ts';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { buildModel, frozenModel } from '../../../worker/engine/build-model.ts';
import type { Model } from '../../../worker/engine/model.ts';
import { codedRows, weightOnGrid } from '../../../worker/engine/on-grid.ts';
import { type PackedSequence, toSequence } from '../../../worker/engine/packed-sequence.ts';
import { Updater } from '../../../worker/engine/update.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import { adamW } from '../../../worker/methods/optimizers/adamw.ts';
import { all } from '../../../worker/methods/selection/all.ts';
import { learnedGrid, logScale } from '../../../worker/methods/weights/fake-quantized.ts';
import { coded, inputLogScale, inputZero } from '../../../worker/nn/rounded-input.ts';
import { OptimizerStates } from '../../../worker/sharding/optimizer-states.ts';
import { wholeModel } from '../../../worker/sharding/sharded-model.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';
import { type Tensor, tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../worker/tensor/threads.ts';
import { step } from '../../../worker/train/step.ts';
import { diffusionSource } from '../../toy/diffusion.ts';

test.before(() => setThreads(1));

const source = diffusionSource({ num_layers: 2, attention_head_dim: 8 });
const steps = 5;
const settings: TrajectorySettings = { sampler: linearSampler, steps, guidance: 1.5, seed: 3 };
const members = [0, 1, 2, 3, 4, 5];

/** What a student is asked at each step of a run. */
function along(full: Model, run: number, visit: (sequence: PackedSequence, step: number) => void) {
  const config = diffusionConfig(full.config);
  using trajectory = new Trajectory(full, run, members, settings);
  for (let row = 0; row < steps; row += 1) {
    const asked = { guidance: settings.guidance, row, times: 1000, key: 0 };
    const host = trajectorySequence(config, trajectory.next(), asked);
    scope(() => visit(toSequence(full, host), row));
  }
}

function theFull(): Model {
  return frozenModel(source, { dtype: 'float64', sequenceLength: 16 });
}

function aStudent(full: Model, { weightBits = 4, inputBits = 4 } = {}): Model {
  const grid = { bits: inputBits, rows: steps };
  const ranges = inputRanges(full, grid, { ...settings, seed: 11 }, members.length);
  const adapter = lora({
    ...{ rank: 4, alpha: 4, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float64' },
  });
  const options = {
    ...({ dtype: 'float64', adapter, sequenceLength: full.config.contextLength } as const),
    grid: learnedGrid({ bits: weightBits, range: 'Asymmetric' }, 1),
    inputs: { grid, learningRateFactor: 1, initial: () => ({ logScales: [], zeros: [] }) },
  };
  return buildModel(source, scaleAware(options, ranges));
}

/** The noise that a model finds in the same pictures, as of the step of a row. */
function noiseAt(model: Model, row: number): readonly number[] {
  return scope(() => {
    const config = diffusionConfig(model.config);
    const x = patchesOnDevice(model, config, firstNoise(config, 3, 1));
    return toArray(guidedNoise(model, x, { classes: [0, 1, 2], guidance: 1.5, time: 400, row }));
  });
}

const gapOf = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? Number.NaN))));

test('a trajectory is that of sampling, and leaves nothing behind', (t) => {
  const full = theFull();
  using _parameters = full.parameters;
  const before = liveHandles();
  const inputs = new Map<string, number>();
  const config = diffusionConfig(full.config);
  let last: Float32Array | undefined;
  let first: Float32Array | undefined;
  let classes: readonly number[] = [];
  {
    using trajectory = new Trajectory(full, 2, members, settings);
    for (let step = 0; step < steps; step += 1) {
      const point = trajectory.next((path) => void inputs.set(path, (inputs.get(path) ?? 0) + 1));
      t.is(point.step, step);
      first ??= point.noised;
      last = point.noised;
      classes = point.classes;
    }
    t.throws(() => trajectory.next(), { instanceOf: RangeError });
  }
  t.is(liveHandles(), before);
  t.deepEqual(
    [...inputs],
    linearLayers(config).map(({ path }) => [path, steps]),
  );
  // One step before the end, from the same noise.
  const asked = { classes, sampler: linearSampler, steps, guidance: settings.guidance };
  const pictures = samplePictures(full, first ?? new Float32Array(), asked);
  t.is(pictures.length, last?.length ?? 0);
  const noise = scope(() => {
    const x = patchesOnDevice(full, config, last ?? new Float32Array());
    return toArray(guidedNoise(full, x, { classes, guidance: 1.5, time: 0, row: 0 }));
  });
  const [end] = ddimSteps(linearSampler, steps).slice(-1);
  const found = fromPatches(Float32Array.from(noise), config, 'ByPixel');
  const ends = [...(last ?? [])].map(
    (x, i) => (end?.sample ?? 0) * x + (end?.noise ?? 0) * (found[i] ?? 0),
  );
  t.true(gapOf([...pictures], ends) < 1e-4);
});

test('a picture has the same trajectory among any others', (t) => {
  const full = theFull();
  using _parameters = full.parameters;
  const pointsOf = (of: readonly number[]) => {
    using trajectory = new Trajectory(full, 1, of, settings);
    return Array.from({ length: steps }, () => trajectory.next());
  };
  const together = pointsOf(members);
  const alone = pointsOf([4, 5]);
  for (const [step, point] of alone.entries()) {
    const all = together[step];
    t.deepEqual(point.classes, all?.classes.slice(4));
    const part = all?.noise.subarray((4 / 6) * all.noise.length) ?? [];
    t.true(gapOf([...point.noise], [...part]) < 1e-5);
  }
});

test('each denoising step has inputs of its own', (t) => {
  const full = theFull();
  using _full = full.parameters;
  const student = aStudent(full);
  using _student = student.parameters;
  const before = [0, 1, 2].map((row) => noiseAt(student, row));
  const { path } = linearLayers(source.config)[3]!;
  scope(() => {
    const own = student.parameters.value(`${path}.${inputLogScale}`);
    ops.copy_(ops.narrow(own, 0, 1, 1), tensor([Math.log(0.9)], [1], 'float64'));
  });
  const after = [0, 1, 2].map((row) => noiseAt(student, row));
  t.deepEqual(after[0], before[0]);
  t.deepEqual(after[2], before[2]);
  t.true(gapOf(after[1] ?? [], before[1] ?? []) > 1e-6);
});

test('products of integers are those of the student, layer by layer', (t) => {
  const full = theFull();
  using _full = full.parameters;
  const student = aStudent(full);
  using _student = student.parameters;
  const row = 2;
  const inputs = new Map<
    string,
    { readonly values: readonly number[]; readonly shape: readonly number[] }
  >();
  scope(() => {
    const config = diffusionConfig(full.config);
    const x = patchesOnDevice(full, config, firstNoise(config, 3, 1));
    const see = (path: string, input: Tensor): void =>
      void inputs.set(path, { values: toArray(input), shape: input.shape });
    const at = { classes: [0, 1, 2], guidance: 1.5, time: 400, row };
    guidedNoise(full, x, at, (walk) => walk.finish({ input: see }));
  });
  for (const layer of linearLayers(source.config)) {
    const seen = inputs.get(layer.path);
    if (seen === undefined) return t.fail(layer.path);
    scope(() => {
      const value = (suffix: string) => student.parameters.value(`${layer.path}.${suffix}`);
      const tables = {
        logScale: value(inputLogScale),
        zero: value(inputZero),
        row: tensor([row], [1], 'int64'),
      };
      const x = coded(tensor(seen.values, seen.shape, 'float64'), tables, 4);
      const w = codedRows(student, layer, [0, layer.out]);
      for (const integers of [x.codes, w.codes]) {
        const found = toArray(integers);
        t.true(found.every((q) => Number.isInteger(q) && q >= 0 && q <= 15));
      }
      // sum (qx - zx)(qw - zw) = sum qx qw - zx sum qw - zw sum qx + n zx zw
      const qw = w.codes;
      const zw = ops.view(w.zeros!, [1, layer.out]);
      const sumX = ops.sumDim(x.codes, [1], true);
      const sumW = ops.view(ops.sumDim(qw, [1]), [1, layer.out]);
      const product = ops.mm(x.codes, ops.t(qw));
      const shifted = ops.sub(ops.sub(product, ops.mul(x.zero, sumW)), ops.mul(zw, sumX));
      const whole = ops.add(shifted, ops.mulScalar(ops.mul(x.zero, zw), layer.in));
      const integer = ops.mul(ops.mul(whole, x.scale), ops.view(w.scales, [1, layer.out]));
      const fakeX = ops.mul(ops.sub(x.codes, x.zero), x.scale);
      const fake = ops.linear(fakeX, weightOnGrid(student, layer));
      t.true(gapOf(toArray(integer), toArray(fake)) < 1e-9, layer.path);
    });
  }
});

test('factors learn through rounding, and not where everything is clipped', (t) => {
  const full = theFull();
  using _full = full.parameters;
  const student = aStudent(full);
  using _student = student.parameters;
  const { path } = linearLayers(source.config)[0]!;
  /** The largest gradients of the factors of a layer, in the last step of a trajectory. */
  const slopes = (): readonly number[] => {
    const found = new Map<string, number>();
    along(full, 0, (sequence) => {
      step({
        ...{ model: student, sequences: [sequence], targetTokens: members.length },
        ...{ active: all(student.parameters).at(0), modes: ['keep', 'recompute'] },
        draw: ({ key }) => ({ seed: 1n, step: 0, key }),
        update: {
          offer(offered) {
            for (const { parameter, value } of offered) {
              found.set(parameter.name, Math.max(...toArray(value).map(Math.abs)));
              value.dispose();
            }
          },
          finish: (sums = []) => ({
            ...{ gradientNorm: 0, clipFactor: 1, applied: true, sums: sums.map(() => 0) },
          }),
        },
      });
    });
    return ['lora_A.weight', 'lora_B.weight'].map((end) => found.get(`${path}.${end}`) ?? 9);
  };
  const [ofA = 9, ofB = 9] = slopes();
  t.is(ofA, 0, 'B begins as zeros');
  t.true(ofB > 1e-12);
  // Steps so small that every weight lies outside of its grid.
  scope(() => {
    const own = student.parameters.value(`${path}.${logScale}`);
    ops.copy_(own, ops.addScalar(own, -30));
  });
  const [, clipped] = slopes();
  t.is(clipped, 0);
});

test('a student of few bits comes nearer to the full model, and so do its pictures', (t) => {
  const full = theFull();
  using _full = full.parameters;
  const student = aStudent(full, { weightBits: 2, inputBits: 3 });
  using held = wholeModel(student);
  const optimizer = adamW({
    ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, masterWeights: 'Float32' },
  });
  using states = new OptimizerStates(held.shards, optimizer);
  states.follow(all(student.parameters).stepCounts(0, {}));
  const updates = held.offered(new Updater(optimizer, states.byName, { mode: 'None', norm: 1 }));
  const classes = [0, 1, 2, 3, 4, 0, 1, 2];
  const first = firstNoise(diffusionConfig(full.config), classes.length, 8);
  const asked = { classes, sampler: linearSampler, steps, guidance: 1.5 };
  const wanted = samplePictures(full, first, asked);
  const lost = (): number => {
    const found = samplePictures(student, first, asked);
    return found.reduce((sum, value, i) => sum + (value - (wanted[i] ?? 0)) ** 2, 0);
  };
  const before = lost();
  const runs = 60;
  const losses = Array.from({ length: runs }, (_, run) => {
    let sum = 0;
    along(full, run, (sequence, row) => {
      const count = run * steps + row;
      const update = updates.begin({
        learningRate: 5e-4 * (1 - count / (runs * steps)),
        count: () => count + 1,
        stream: (name) => streamOf(1, 'update', name, count),
      });
      const { sums } = step({
        ...{ model: student, sequences: [sequence], targetTokens: members.length, update },
        ...{ active: all(student.parameters).at(0), modes: ['keep', 'keep'] },
        draw: ({ key }) => ({ seed: 0n, step: count, key }),
      });
      sum += (sums['loss'] ?? Number.NaN) / members.length;
    });
    return sum / steps;
  });
  const mean = (part: readonly number[]) => part.reduce((sum, one) => sum + one, 0) / part.length;
  t.log(`${before} to ${lost()}; ${losses[0]} to ${losses.at(-1)}`);
  t.true(mean(losses.slice(-5)) < 0.9 * mean(losses.slice(0, 5)));
  t.true(lost() < before);
});
