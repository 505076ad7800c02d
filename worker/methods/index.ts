// From the method that a job resolved to, to its implementations: one line for each choice of each
// axis. The rest of the worker depends on interfaces only.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { ResolvedMethod } from '../../crds/index.ts';
import { choosesPlaces } from '../../crds/methods/adapter-traits.ts';
import { codedForm } from '../../crds/methods/coded.ts';
import { drawOf } from '../../crds/methods/draw.ts';
import { fp4Of, plainBlocks } from '../../crds/methods/few-bits.ts';
import { fullModuleTensors } from '../../crds/methods/full-modules.ts';
import { levelOf } from '../../crds/methods/halo-level.ts';
import { masterWeightsOf } from '../../crds/methods/master-weights.ts';
import { trainsNothing } from '../../crds/methods/no-training.ts';
import { trainsScales } from '../../crds/plan/grid-bytes.ts';
import { storesIntegers } from '../../crds/plan/quantized-base.ts';
import type { BuildOptions, Trains } from '../engine/build-model.ts';
import type { RoundedInputs } from '../engine/input-parameters.ts';
import type { Parameters } from '../engine/parameters.ts';
import { adapterOf } from './adapters/index.ts';
import { targetsOf } from './adapters/targets.ts';
import { adamW } from './optimizers/adamw.ts';
import { adamW8bit } from './optimizers/adamw-8bit.ts';
import { agedAdamW } from './optimizers/aged-adamw.ts';
import { type Frame, oneSided } from './optimizers/frame.ts';
import { exactSubspaces, galore, type WithinSubspace } from './optimizers/galore.ts';
import { lazySubspaces } from './optimizers/lazy-subspaces.ts';
import type { MasterWeights } from './optimizers/master-weights.ts';
import { naturalGradient } from './optimizers/natural.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import { pvTuning } from './optimizers/pv-tuning.ts';
import { sgd } from './optimizers/sgd.ts';
import { sm3 } from './optimizers/sm3.ts';
import { subspaceFinder } from './optimizers/subspace.ts';
import { twoSided } from './optimizers/two-sided.ts';
import { Fp4 } from './precision/fp4.ts';
import { Halo } from './precision/halo.ts';
import type { Precision } from './precision/precision.ts';
import { withRowRates } from './rules/allora.ts';
import type { GgpoSettings } from './rules/ggpo.ts';
import { all } from './selection/all.ts';
import { lisa } from './selection/lisa.ts';
import { owlore } from './selection/owlore.ts';
import type { Selection } from './selection/selection.ts';
import { adaptiveGrid } from './weights/adaptive-grid.ts';
import type { CodeStart } from './weights/choose-codes.ts';
import { fittedGrid, learnedGrid } from './weights/fake-quantized.ts';
import { ggufGrid } from './weights/gguf-grid.ts';
import { scalesOfIntegers } from './weights/scales-of-integers.ts';
import { weightStoreOf } from './weights/store-of.ts';
import type { WeightGrid } from './weights/weight-grid.ts';

/** Type of the residual stream, of stored weights and of products. */
export function dtypeOf(method: ResolvedMethod): 'bfloat16' | 'float32' {
  return method.precision.type === 'Float32' ? 'float32' : 'bfloat16';
}

/** How the model of a job is built; the same for training and for publishing its result. */
export function buildOptionsOf(spec: FineTuneJobSpec, method: ResolvedMethod): BuildOptions {
  const dtype = dtypeOf(method);
  return {
    dtype,
    adapter: adapterOf(method, BigInt(spec.training.seed), dtype),
    store: weightStoreOf(method),
    trains: trainsOf(method),
    coded: codedForm(method) === 'Groups',
    codebook: codebookOf(method),
    grid: gridOf(method, BigInt(spec.training.seed)),
    inputs: inputsOf(method),
    sequenceLength: spec.dataset.sequenceLength,
    ...choiceFactorOf(spec),
  };
}

/** Of a search, whose choices have a learning rate of their own. */
function choiceFactorOf({ training }: FineTuneJobSpec): Pick<BuildOptions, 'choiceFactor'> {
  const { architectureSearch: search, learningRate } = training;
  if (search === undefined) return {};
  return { choiceFactor: Number(search.learningRate) / Number(learningRate) };
}

/** Arithmetic of the blocks' linear layers in training; null: the type of the model. */
export function precisionOf(
  { precision }: ResolvedMethod,
  { seed, blocks }: { readonly seed: bigint; readonly blocks: number },
): Precision | null {
  const fp4 = fp4Of(precision);
  if (fp4 !== null) {
    return new Fp4({ format: fp4.format, seed, plainFrom: blocks - plainBlocks(fp4, blocks) });
  }
  if (precision.type !== 'HALO') return null;
  const { format, backward, rotation, tokenBlock, exclude = [] } = precision.halo;
  return new Halo({
    ...{ format, rotation, tokenBlock, level: levelOf(precision.halo) },
    reuses: backward === 'Reuse',
    excludes: exclude.length === 0 ? () => false : targetsOf(exclude),
  });
}

/** What matrices of the blocks are rounded to where they are multiplied; null: they are not. */
export function gridOf({ base }: ResolvedMethod, seed: bigint): WeightGrid | null {
  if (base.type === 'AdaPT') {
    return adaptiveGrid({ ...base.adapt, tolerance: Number(base.adapt.tolerance) }, seed);
  }
  if (base.type !== 'FakeQuantized') return null;
  const { bits, strategy, groupSize, range, scales, trains, learningRateRatio, gguf } =
    base.fakeQuantized;
  if (gguf !== undefined) return ggufGrid(gguf);
  const grid = { bits, range, groupSize: strategy === 'Channel' ? undefined : groupSize };
  const ratio = Number(learningRateRatio);
  if (trains === 'Scales') return scalesOfIntegers(grid, ratio, storesIntegers(base));
  return scales === 'Fitted' ? fittedGrid(grid) : learnedGrid(grid, ratio);
}

/** Grids of inputs, before what they are is known; null where inputs are not rounded. */
function inputsOf({ base }: ResolvedMethod): RoundedInputs | null {
  if (base.type !== 'FakeQuantized' || base.fakeQuantized.inputs === undefined) return null;
  const { bits, steps: rows } = base.fakeQuantized.inputs;
  const zeros = new Array<number>(rows).fill(0);
  const initial = { logScales: zeros, zeros };
  return { grid: { bits, rows }, initial: () => initial, learningRateFactor: 1 };
}

/** How matrices of the blocks become codes into codebooks; null where they stay values. */
export function codebookOf({ base }: ResolvedMethod): CodeStart | null {
  return base.type === 'Codebook' ? base.codebook : null;
}

/** `peak` is the learning rate of the job; rates of single parts are multiples of it. */
export function optimizerOf(method: ResolvedMethod, peak: number): Optimizer {
  const optimizer = plainOptimizerOf(method, peak);
  const { rule } = method;
  return rule.type === 'ALLoRA' ? withRowRates(optimizer, Number(rule.allora.eta)) : optimizer;
}

/** The loss beside that of the task, as a part of the trainer. */
export function densityLossOf({ rule }: ResolvedMethod) {
  if (rule.type !== 'DensityLoss') return {};
  const { weight, epsilon } = rule.densityLoss;
  return { density: { weight: Number(weight), epsilon: Number(epsilon) } };
}

/** The noise on weights in training steps; null without. */
export function noiseOf({ rule }: ResolvedMethod): GgpoSettings | null {
  if (rule.type !== 'GGPO') return null;
  return { sigma: Number(rule.ggpo.sigma), beta: Number(rule.ggpo.beta) };
}

function plainOptimizerOf(method: ResolvedMethod, peak: number): Optimizer {
  const masterWeights = masterWeightsOf(method) ?? 'Float32';
  switch (method.optimizer.type) {
    case 'SGD': {
      const { momentum, weightDecay } = method.optimizer.sgd;
      return sgd({ momentum: Number(momentum), weightDecay: Number(weightDecay), masterWeights });
    }
    case 'AdamW':
      // Its values come and go.
      if (choosesPlaces(method)) return agedAdamW(adamSettings(method.optimizer.adamW));
      return adamW({
        ...adamSettings(method.optimizer.adamW),
        masterWeights,
        moments: method.optimizer.adamW.moments ?? 'Float32',
      });
    case 'AdamW8bit':
      return adamW8bit({ ...adamSettings(method.optimizer.adamW8bit), masterWeights });
    case 'SM3': {
      const { epsilon, weightDecay } = method.optimizer.sm3;
      const settings = { epsilon: Number(epsilon), weightDecay: Number(weightDecay) };
      return sm3({ ...settings, masterWeights });
    }
    case 'GaLore':
      return galoreOf(method.optimizer.galore, masterWeights);
    case 'NaturalGaLore': {
      const { history, damping, sides, ...own } = method.optimizer.naturalGalore;
      const within = naturalGradient({ history, damping: Number(damping) });
      return galoreOf(own, masterWeights, within, sides === 'Both' ? twoSided : oneSided);
    }
    case 'QGaLore':
      return qGaloreOf(method.optimizer.qGalore, masterWeights);
    case 'PVTuning':
      return pvTuningOf(method.optimizer.pvTuning, masterWeights, peak);
  }
}

type QGaloreParameters = Extract<ResolvedMethod['optimizer'], { type: 'QGaLore' }>['qGalore'];

function qGaloreOf(
  {
    rank,
    scale,
    refreshSteps,
    directions,
    cosineThreshold,
    gapGrowth,
    queueSize,
    ...adam
  }: QGaloreParameters,
  masterWeights: MasterWeights,
): Optimizer {
  const settings = { ...adamSettings(adam), masterWeights };
  const { weightDecay } = settings;
  const projected = { rank, scale: Number(scale), weightDecay, masterWeights };
  const lazy = { cosineThreshold: Number(cosineThreshold), gapGrowth: Number(gapGrowth) };
  const subspaces = lazySubspaces({ refreshSteps, queueSize, ...lazy }, subspaceFinder(directions));
  return galore(projected, adamW8bit(settings), subspaces, 'QGaLore');
}

type GaloreParameters = Extract<ResolvedMethod['optimizer'], { type: 'GaLore' }>['galore'];

function galoreOf(
  { rank, scale, refreshSteps, directions, moments, ...adam }: GaloreParameters,
  masterWeights: MasterWeights,
  within: WithinSubspace | null = null,
  frame: Frame = oneSided,
): Optimizer {
  const settings = { ...adamSettings(adam), masterWeights };
  const inner = moments === 'EightBit' ? adamW8bit(settings) : adamW({ ...settings, moments });
  const { weightDecay } = settings;
  const projected = { rank, scale: Number(scale), weightDecay, masterWeights, frame };
  const subspaces = exactSubspaces(refreshSteps, subspaceFinder(directions));
  return within === null
    ? galore(projected, inner, subspaces)
    : galore(projected, inner, subspaces, 'NaturalGaLore', within);
}

type PvParameters = Extract<ResolvedMethod['optimizer'], { type: 'PVTuning' }>['pvTuning'];

function pvTuningOf(
  parameters: PvParameters,
  masterWeights: MasterWeights,
  peak: number,
): Optimizer {
  const { betas, codeBetas, epsilon, lamb, updateCodes, updateCodebooks } = parameters;
  const { codeLearningRate, maxCodeChange, codeTrustRatio, beamSize, deltaDecay } = parameters;
  const common = { epsilon: Number(epsilon), lamb };
  const codes = {
    ...twoOf(codeBetas),
    rateRatio: Number(codeLearningRate) / peak,
    maxChange: Number(maxCodeChange),
    trustRatio: codeTrustRatio === undefined ? null : Number(codeTrustRatio),
    beam: beamSize,
    deltaDecay: Number(deltaDecay),
  };
  return pvTuning({
    ...{ ...common, ...twoOf(betas), updateCodebooks, masterWeights },
    codes: updateCodes ? codes : null,
  });
}

function twoOf([beta1 = '0', beta2 = '0']: readonly string[]) {
  return { beta1: Number(beta1), beta2: Number(beta2) };
}

interface AdamParameters {
  readonly betas: readonly string[];
  readonly epsilon: string;
  readonly weightDecay: string;
}

function adamSettings({ betas, epsilon, weightDecay }: AdamParameters) {
  const [beta1 = '0.9', beta2 = '0.999'] = betas;
  return {
    beta1: Number(beta1),
    beta2: Number(beta2),
    epsilon: Number(epsilon),
    weightDecay: Number(weightDecay),
  };
}

/** Whether a tensor of the base model is trained at any time; tensors of an adapter always are. */
function trainsOf({ base, adapter, selection, fullModules }: ResolvedMethod): Trains {
  if (trainsNothing({ selection })) return () => false;
  if (adapter.type !== 'None' || trainsScales({ base })) {
    const modules = new Set(fullModules.map((name) => fullModuleTensors[name]));
    return ({ name }, _places, isWhole) => isWhole || modules.has(name);
  }
  const draw = drawOf(selection);
  if (draw === null) return () => true;
  const { trainEmbeddings, trainHead, trainFinalNorm } = draw;
  return ({ place, kind }, { outlet }, isWhole) => {
    if (typeof place === 'number' || isWhole) return true;
    if (place !== outlet) return trainEmbeddings;
    return kind === 'norm' ? trainFinalNorm : trainHead;
  };
}

/** `scores` are those of train/outlier-scores.ts, for the selection that samples by them. */
export function selectionOf(
  { selection }: ResolvedMethod,
  parameters: Parameters,
  seed: bigint,
  scores: readonly number[] = [],
): Selection {
  if (selection.type === 'All') return all(parameters);
  // Without a trained parameter, all are none.
  if (selection.type === 'None') return { ...all(parameters), name: selection.type };
  if (selection.type === 'LISA') {
    const { activeLayers, intervalSteps, state, sampling, weights = [] } = selection.lisa;
    const settings = { activeLayers, intervalSteps, state, sampling, weights: weights.map(Number) };
    return lisa({ ...settings, seed }, parameters);
  }
  const { activeLayers, intervalSteps, state, floor } = selection.owlore;
  const settings = { activeLayers, intervalSteps, state, floor: Number(floor), scores, seed };
  return owlore(settings, parameters);
}
