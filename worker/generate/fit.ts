// Trains the generator's network. Everything random is a stream named by the seed, so a run that
// goes on from a checkpoint ends with the bits of one that was never stopped.
import { setImmediate } from 'node:timers/promises';
import { ratioAt } from '../../crds/plan/steps.ts';
import { adamW } from '../methods/optimizers/adamw.ts';
import type { OptimizerState } from '../methods/optimizers/optimizer.ts';
import { grad, leaf, withTape } from '../tensor/autograd.ts';
import type { Device } from '../tensor/device.ts';
import * as ops from '../tensor/ops.generated.ts';
import { normal } from '../tensor/rng.ts';
import { keep, scope } from '../tensor/scope.ts';
import { choose, streamOf } from '../tensor/streams.ts';
import { indices, type Tensor, tensor, toArray } from '../tensor/tensor.ts';
import {
  beginning,
  byAverages,
  byBatch,
  decode,
  encode,
  type Normalise,
  normsOf,
  type Tensors,
} from './cvae.ts';
import type { CvaeShape } from './cvae-shape.ts';

export interface FitSettings {
  readonly epochs: number;
  readonly batch: number;
  readonly learningRate: number;
  /** Weight of the divergence in the loss. */
  readonly divergence: number;
  readonly seed: number;
}

export interface FitData {
  /** `[n, padded]` float32. */
  readonly vectors: Tensor;
  /** `[n, condition]` float32. */
  readonly conditions: Tensor;
}

export interface FitLoss {
  /** Mean square over numbers that are no padding. */
  readonly error: number;
  /** Nats, of one vector. */
  readonly divergence: number;
}

/** What the network is after some epochs; all tensors are kept. */
export interface FitState extends Disposable {
  readonly epoch: number;
  readonly parameters: Map<string, Tensor>;
  /** `<norm>.mean` and `<norm>.variance`, `[C]`. */
  readonly averages: Map<string, Tensor>;
  readonly moments: Map<string, OptimizerState>;
}

const optimizer = adamW({
  ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, masterWeights: 'Float32' },
});
const cosine = { type: 'Cosine', warmupSteps: 0, minRatio: '0' } as const;
/** How much of a running average a step replaces. */
const momentum = 0.1;

export function freshFit(shape: CvaeShape, seed: number, device: Device): FitState {
  return scope(() => {
    const parameters = beginning(shape, seed);
    const averages = new Map(
      [...normsOf(shape)].flatMap(([name, channels]) => [
        [`${name}.mean`, keep(ops.zeros([channels], { dtype: 'float32' }))] as const,
        [`${name}.variance`, keep(ops.ones([channels], { dtype: 'float32' }))] as const,
      ]),
    );
    const moments = new Map(
      [...parameters].map(([name, value]) => [name, keptState(optimizer.initialize(value))]),
    );
    return fitState(0, parameters, averages, moments);
  }, device);
}

export function fitState(
  epoch: number,
  parameters: FitState['parameters'],
  averages: FitState['averages'],
  moments: FitState['moments'],
): FitState {
  return {
    ...{ epoch, parameters, averages, moments },
    [Symbol.dispose]() {
      for (const one of [...parameters.values(), ...averages.values()]) one.dispose();
      for (const state of moments.values()) {
        for (const one of Object.values(state)) one?.dispose();
      }
    },
  };
}

function keptState(state: OptimizerState): OptimizerState {
  for (const one of Object.values(state)) if (one !== undefined) keep(one);
  return state;
}

/**
 * One epoch in the place of the state; the state after it, which has the same tensors. Only whole
 * epochs are ever saved.
 */
export async function fitEpoch(
  shape: CvaeShape,
  state: FitState,
  data: FitData,
  settings: FitSettings,
  device: Device,
): Promise<{ readonly state: FitState; readonly loss: FitLoss }> {
  const { epoch } = state;
  const [count = 0] = data.vectors.shape;
  const order = choose(count, count, streamOf(settings.seed, 'generator order', epoch));
  const steps = Math.ceil(count / settings.batch);
  const sums = { error: 0, divergence: 0 };
  for (let step = 0; step < steps; step += 1) {
    // A request to stop is received here.
    await setImmediate();
    const members = order.slice(step * settings.batch, (step + 1) * settings.batch);
    const at = { step: epoch * steps + step, total: settings.epochs * steps };
    const loss = scope(() => oneStep(shape, state, { data, members, settings, ...at }), device);
    sums.error += (loss.error * members.length) / count;
    sums.divergence += (loss.divergence * members.length) / count;
  }
  const { parameters, averages, moments } = state;
  return { state: fitState(epoch + 1, parameters, averages, moments), loss: sums };
}

interface Step {
  readonly data: FitData;
  readonly members: readonly number[];
  readonly settings: FitSettings;
  readonly step: number;
  readonly total: number;
}

function oneStep(
  shape: CvaeShape,
  { parameters, averages, moments }: FitState,
  { data, members, settings, step, total }: Step,
): FitLoss {
  const rows = indices(members);
  const x = ops.indexSelect(data.vectors, 0, rows);
  const c = ops.indexSelect(data.conditions, 0, rows);
  const leaves = new Map([...parameters].map(([name, value]) => [name, leaf(value)]));
  const seen: (() => void)[] = [];
  const normalise = byBatch(averaging(averages, seen));
  const names = [...parameters.keys()];
  const { loss, gradients } = withTape(() =>
    lossOf(shape, leaves, { x, c }, normalise, settings, step),
  );
  for (const take of seen) take();
  const learningRate = settings.learningRate * ratioAt(cosine, total, step);
  for (const [i, name] of names.entries()) {
    const [value, gradient, state] = [parameters.get(name), gradients[i], moments.get(name)];
    if (value === undefined || state === undefined || gradient == null) continue;
    optimizer.update(value, ops.contiguous(gradient), state, {
      ...{ learningRate, count: step + 1, gradientScale: 1, decayed: false },
      stream: streamOf(settings.seed, 'generator update', step),
    });
  }
  return loss;
}

/** Averages move after the tape was used; torch takes the unbiased variance too. */
function averaging(averages: Tensors, later: (() => void)[]) {
  return (name: string, mean: Tensor, variance: Tensor): void => {
    const seen: readonly (readonly [string, Tensor])[] = [
      [`${name}.mean`, ops.detach(mean)],
      [`${name}.variance`, ops.detach(variance)],
    ];
    later.push(() => {
      for (const [key, value] of seen) {
        const average = averages.get(key);
        if (average !== undefined) ops.lerp_(average, value, momentum);
      }
    });
  };
}

function lossOf(
  shape: CvaeShape,
  leaves: Tensors,
  { x, c }: { readonly x: Tensor; readonly c: Tensor },
  normalise: Normalise,
  settings: FitSettings,
  step: number,
): { readonly loss: FitLoss; readonly gradients: readonly (Tensor | null)[] } {
  const [count = 0] = x.shape;
  const { mean, logVariance } = encode(shape, leaves, { x, c }, normalise);
  const noise = normal(mean.shape, 1, streamOf(settings.seed, 'generator latent', step));
  const z = ops.add(mean, ops.mul(noise, ops.exp(ops.mulScalar(logVariance, 0.5))));
  const made = decode(shape, leaves, { z, c }, normalise);
  // What is padding has no part in the loss, whatever comes out there.
  const gap = ops.sub(ops.detach(made), x);
  const inside = ops.narrow(ops.ones(x.shape, { dtype: 'float32' }), 1, 0, shape.numbers);
  const mask = ops.cat(
    [inside, ops.zeros([count, shape.padded - shape.numbers], { dtype: 'float32' })],
    1,
  );
  const wrong = ops.mul(gap, mask);
  const variance = ops.exp(ops.detach(logVariance));
  const weight = settings.divergence / count;
  const gradients = grad(
    [made, mean, logVariance],
    [...leaves.values()],
    [
      ops.mulScalar(wrong, 2 / (count * shape.numbers)),
      ops.mulScalar(ops.detach(mean), weight),
      ops.mulScalar(ops.subScalar(variance, 1), weight / 2),
    ],
  );
  const squares = sumOf(ops.view(ops.square(wrong), [shape.positions * count, -1]));
  const terms = ops.sub(
    ops.add(ops.square(ops.detach(mean)), variance),
    ops.addScalar(ops.detach(logVariance), 1),
  );
  const loss = {
    error: squares / (count * shape.numbers),
    divergence: sumOf(terms) / (2 * count),
  };
  return { loss, gradients };
}

/** In an order that does not depend on the number of threads. */
function sumOf(rows: Tensor): number {
  return toArray(ops.sumDim(rows, [1])).reduce((sum, one) => sum + one, 0);
}

/** `[padded]` numbers of one vector, for a latent vector that the seed names. */
export function generated(
  shape: CvaeShape,
  { parameters, averages }: Pick<FitState, 'parameters' | 'averages'>,
  condition: readonly number[],
  seed: number,
  device: Device,
): readonly number[] {
  return scope(() => {
    const z = normal([1, shape.latent], 1, streamOf(seed, 'generated'));
    const c = tensor(condition, [1, condition.length], 'float32');
    return toArray(decode(shape, parameters, { z, c }, byAverages(averages)));
  }, device);
}
