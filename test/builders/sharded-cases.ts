// Trainings that any number of ranks can do: by name, so that a process can be told which.

import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import type { Parameters } from '../../worker/engine/parameters.ts';
import { lora } from '../../worker/methods/adapters/lora.ts';
import { randLora } from '../../worker/methods/adapters/randlora.ts';
import { s2Lora } from '../../worker/methods/adapters/s2-lora.ts';
import { spiel } from '../../worker/methods/adapters/spiel.ts';
import { type AdamWSettings, adamW } from '../../worker/methods/optimizers/adamw.ts';
import { adamW8bit } from '../../worker/methods/optimizers/adamw-8bit.ts';
import { agedAdamW } from '../../worker/methods/optimizers/aged-adamw.ts';
import { exactSubspaces, galore } from '../../worker/methods/optimizers/galore.ts';
import { lazySubspaces } from '../../worker/methods/optimizers/lazy-subspaces.ts';
import { naturalGradient } from '../../worker/methods/optimizers/natural.ts';
import { sgd } from '../../worker/methods/optimizers/sgd.ts';
import { sm3 } from '../../worker/methods/optimizers/sm3.ts';
import { twoSided } from '../../worker/methods/optimizers/two-sided.ts';
import { Fp4 } from '../../worker/methods/precision/fp4.ts';
import { Halo, type HaloSettings } from '../../worker/methods/precision/halo.ts';
import { alternating } from '../../worker/methods/selection/alternating.ts';
import { lisa } from '../../worker/methods/selection/lisa.ts';
import type { Selection } from '../../worker/methods/selection/selection.ts';
import { adaptiveGrid } from '../../worker/methods/weights/adaptive-grid.ts';
import { learnedGrid } from '../../worker/methods/weights/fake-quantized.ts';
import { ggufGrid } from '../../worker/methods/weights/gguf-grid.ts';
import { int4 } from '../../worker/methods/weights/int4.ts';
import { nf4 } from '../../worker/methods/weights/nf4.ts';
import { scalesOfIntegers } from '../../worker/methods/weights/scales-of-integers.ts';
import { searchTerm } from '../../worker/train/search-term.ts';
import { visionConfig } from '../../worker/vision/config.ts';
import type { VisionName } from '../../worker/vision/families.ts';
import { clipSource, ofClasses, pairs } from '../toy/clip.ts';
import { diffusionSource, noisedPictures } from '../toy/diffusion.ts';
import { classSequence, encoderSource } from '../toy/encoder.ts';
import { quantNasSource } from '../toy/quantnas.ts';
import { foundJson, supernetJson } from '../toy/quantnas-json.ts';
import { pairSequence, restorationSource } from '../toy/restoration.ts';
import { toyTracker, trackedSequence, trackingSource } from '../toy/tracking.ts';
import { pictureSequence, toyPictures, visionSource } from '../toy/vision.ts';
import { soundSequence, toySounds, whisperSource } from '../toy/whisper.ts';
import { aPvTuning, toyCodebook, toyCodes } from './pv-tuning.ts';
import { countUp, plainAdamW, type TrainingOptions } from './toy-training.ts';
import { aSequence } from './training.ts';

/** Matrices of more cells than ranks, some of which do not come out even; three blocks. */
const config = { hidden_size: 64, intermediate_size: 96, num_hidden_layers: 3 };

/** Packed sequences of unlike lengths, as many as the largest world has ranks. */
const batches = [0, 1, 2].map((n) =>
  [9, 14, 5, 11, 7].map((length, i) =>
    aSequence([countUp(n + i, length), countUp(n + 13 * i, 4 + i)], 10 * n + i),
  ),
);
const evaluation = [9, 4, 12].map((length, i) => aSequence([countUp(3 * i, length)], i));

/** Only the first sequence has something to learn: whoever gets the others adds nothing. */
const oneSpeaks = batches.map((sequences) =>
  sequences.map((sequence, i) => (i === 0 ? sequence : silent(sequence))),
);

function silent(sequence: HostSequence): HostSequence {
  return { ...sequence, labels: sequence.labels.map(() => -100), targetCount: 0 };
}

/** Examples with a class each, in sequences of unlike lengths, some of them without any. */
function classified() {
  const example = (n: number, i: number) => ({
    ...{ ids: countUp(n + 3 * i, 4 + ((2 * n + i) % 9)), label: (n + i) % 3, second: 2 + (i % 3) },
  });
  const batches = [0, 1, 2].map((n) =>
    [2, 1, 3, 0].map((count, i) =>
      classSequence(
        Array.from({ length: count }, (_, e) => example(n + i, e)),
        { key: 10 * n + i, padding: 3 },
      ),
    ),
  );
  return { ...shared, config: {}, batches, evaluation: [classSequence([example(5, 0)])] };
}

/** Pictures with a class each, of two sizes; a sequence has up to three, or none. */
function pictured(name: VisionName) {
  const config = visionConfig(visionSource(name).config);
  const batches = [0, 1, 2].map((n) =>
    [2, 1, 3, 0].map((count, i) => {
      const [height, width] = i === 1 ? [9, 16] : [12, 12];
      const pictures = Array.from({ length: count }, (_, e) => ({
        ...{ height, width, seed: 10 * n + 3 * i + e, label: (n + i + e) % 3 },
      }));
      return pictureSequence(config, pictures, { key: 10 * n + i, padding: 3 });
    }),
  );
  const evaluation = [pictureSequence(config, toyPictures)];
  return { ...shared, config: {}, batches, evaluation, source: visionSource(name) };
}

/** Pictures with noise, in sequences of unlike lengths. */
function denoised() {
  const batches = [0, 1, 2].map((n) =>
    [2, 1, 3, 1, 2].map((count, i) =>
      noisedPictures(
        Array.from({ length: count }, (_, e) => n + 5 * i + e),
        { key: 10 * n + i },
      ),
    ),
  );
  return { ...shared, config: {}, batches, evaluation: [noisedPictures([30, 31])] };
}

const searched = quantNasSource(supernetJson());

/** Pictures of several sizes, and ranks without one. */
function restoring(source = restorationSource()) {
  const batches = [0, 1, 2].map((n) =>
    [2, 1, 3, 0].map((count, i) =>
      pairSequence(
        Array.from({ length: count }, (_, e) => n + i + e),
        { height: 3 + i, width: 4, key: 10 * n + i },
      ),
    ),
  );
  const evaluation = [pairSequence([7])];
  return { ...shared, config: {}, batches, evaluation, source };
}

/** Pairs of pictures with unlike numbers of targets, and ranks without one. */
function tracking() {
  const config = toyTracker();
  const batches = [0, 1, 2].map((n) =>
    [2, 1, 3, 0].map((count, i) =>
      trackedSequence(
        config,
        Array.from({ length: count }, (_, e) => n + 2 * i + e),
        { key: 10 * n + i, padding: 3 },
      ),
    ),
  );
  const evaluation = [trackedSequence(config, [7, 8])];
  return { ...shared, config: {}, batches, evaluation, source: trackingSource() };
}

/** Sounds of two lengths, whose halves have unlike numbers of tokens; a sequence may have none. */
function heard() {
  const batches = [0, 1, 2].map((n) =>
    [2, 1, 3, 0].map((count, i) =>
      soundSequence(
        Array.from({ length: count }, (_, e) => ({
          ...{ ids: [2, 3, ...countUp(n + 3 * i + e, 3 + ((n + i + e) % 5)), 1] },
          seed: 10 * n + 3 * i + e,
        })),
        { key: 10 * n + i, padding: 3, frames: i === 1 ? 9 : 16 },
      ),
    ),
  );
  const evaluation = [soundSequence(toySounds)];
  return { ...shared, config: {}, batches, evaluation, source: whisperSource() };
}

/** Pictures with a text each, whose loss compares them with those of all ranks. */
function paired() {
  const batches = [0, 1, 2].map((n) =>
    [2, 1, 3, 1].map((count, i) =>
      pairs(
        Array.from({ length: count }, (_, e) => 1 + n + 2 * i + e),
        { key: 10 * n + i, padding: 3 },
      ),
    ),
  );
  return { ...shared, config: {}, batches, evaluation: [pairs([1, 2, 3])] };
}

/** Pictures with a class each; every rank brings the texts of the classes once. */
function named() {
  const batches = [0, 1, 2].map((n) =>
    [2, 1, 3, 2].map((count, i) =>
      ofClasses(
        Array.from({ length: count }, (_, e) => ({ seed: 1 + n + i + e, label: (n + e) % 3 })),
        { key: 10 * n + i, padding: 2 },
      ),
    ),
  );
  return { ...shared, config: {}, batches, evaluation: [ofClasses([{ seed: 9, label: 1 }])] };
}

function anAdapter(dtype: 'float32' | 'float64', dropout = 0, targets = (_path: string) => true) {
  return lora({
    ...{ rank: 4, alpha: 8, dropout, scaling: 'Standard', learningRateRatio: 2 },
    ...{ initialization: 'KaimingUniform', targets, seed: 5n, dtype },
  });
}

const aGrid = learnedGrid({ bits: 4, range: 'Asymmetric', groupSize: 32 }, 0.5);

/** Formats change by gradients and histograms over all ranks. */
function anAdaptiveGrid() {
  const rounding = { strategy: 'Min', tolerance: 1e-3, guardBits: 1, minBits: 2 } as const;
  return adaptiveGrid({ ...rounding, minLookback: 2, maxLookback: 4 }, 5n);
}

function aRandLora() {
  return randLora({ rank: 10, alpha: 40, targets: () => true, seed: 5n, dtype: 'float64' });
}

function aSpiel(dtype: 'float32' | 'float64', accumulationSteps: number | null = 1) {
  return spiel({
    ...{ density: 0.03, reselectSteps: 2, accumulationSteps, initialRate: 0.4 },
    ...{ targets: () => true, seed: 5n, dtype },
  });
}

const anSm3 = sm3({ epsilon: 1e-8, weightDecay: 0.01, masterWeights: 'Float32' });

function aHalo(settings: Partial<HaloSettings> = {}) {
  return new Halo({
    ...{ format: 'INT8', level: 2, reuses: true, rotation: 'Hartley', tokenBlock: 1024 },
    excludes: (path) => path.endsWith('layers.1.mlp.up_proj'),
    ...settings,
  });
}

function anFp4(format: 'NVFP4' | 'MXFP4', plainFrom = 9) {
  return new Fp4({ format, seed: 5n, plainFrom });
}

/**
 * Matrices of the blocks in codes of 8 bits, rounded stochastically at each step; the rest has
 * master weights, since a slice draws numbers of its own.
 */
const inInt8 = { dtype: 'bfloat16', coded: true } as const;
const stochastic = { ...plainAdamW, masterWeights: 'StochasticRounding' } as const;

function aQGalore(adam: AdamWSettings = plainAdamW, rank = 8) {
  const lazy = { refreshSteps: 2, queueSize: 2, cosineThreshold: 0.4, gapGrowth: 2 };
  const projected = { rank, scale: 0.25, weightDecay: 0.01, masterWeights: adam.masterWeights };
  return galore(projected, adamW8bit(adam), lazySubspaces(lazy), 'QGaLore');
}

/** Another block every second step. */
function oneBlock(parameters: Parameters): Selection {
  const draw = { activeLayers: 1, intervalSteps: 2, state: 'Drop', sampling: 'Uniform' } as const;
  return lisa({ ...draw, weights: [], seed: 3n }, parameters);
}

const plan = { totalSteps: 6, evaluationInterval: 2 };
const shared = { config, batches, evaluation, plan } satisfies TrainingOptions;
const exact = {
  ...shared,
  batches: oneSpeaks,
  clip: { mode: 'Global', norm: 1e9 },
} satisfies TrainingOptions;

export const shardedCases = {
  'full-float64': () => ({ ...shared, dtype: 'float64' }),
  'adapt-float64-recompute': () => ({
    ...{ ...shared, dtype: 'float64', mode: 'recompute', grid: anAdaptiveGrid() },
  }),
  'full-float64-offload': () => ({ ...shared, dtype: 'float64', mode: 'offload' }),
  // Four blocks, a head that is the embedding, and norms of norms.
  'tied-float64': () => ({ ...shared, dtype: 'float64', name: 'gemma2', config: {} }),
  // A norm and three tables before the blocks, which the backward reads again. Biases of keys have
  // no gradient but rounding, which AdamW would enlarge.
  'bert-float64': () => ({
    ...{ ...classified(), dtype: 'float64', source: encoderSource('bert'), mode: 'recompute' },
    optimizer: sgd({ momentum: 0.9, weightDecay: 0.01, masterWeights: 'Float32' }),
  }),
  // Beside the stream, what all blocks and the last layer read of time steps and classes; biases of
  // keys as above.
  'dit-float64': () => ({
    ...{ ...denoised(), dtype: 'float64', source: diffusionSource(), mode: 'recompute' },
    optimizer: sgd({ momentum: 0.9, weightDecay: 0.01, masterWeights: 'Float32' }),
  }),
  'dit-lora-float64': () => ({
    ...{ ...denoised(), dtype: 'float64', source: diffusionSource() },
    adapter: anAdapter('float64', 0.2, (path) => /norm1\.linear$|to_v$/.test(path)),
  }),
  // The head trains whole beside factors.
  'roberta-lora-float64': () => ({
    ...{ ...classified(), dtype: 'float64', source: encoderSource('roberta') },
    adapter: anAdapter('float64', 0.2, (path) => /\.(query|value)$/.test(path)),
    trains: ({ place }) => place === 'head',
  }),
  // Positions of pictures of one rank are resized.
  'dinov2-float64': () => ({
    ...{ ...pictured('dinov2'), dtype: 'float64', mode: 'recompute' },
    optimizer: sgd({ momentum: 0.9, weightDecay: 0.01, masterWeights: 'Float32' }),
  }),
  'deit-lora-float64': () => ({
    ...{ ...pictured('deit'), dtype: 'float64' },
    adapter: anAdapter('float64', 0.2, (path) => /\.(q_proj|fc1)$/.test(path)),
    trains: ({ name }) => name.startsWith('classifier'),
  }),
  // Pictures as values beside tokens; what is before the blocks is read again in the backward.
  // Biases of keys have no gradient but rounding, of which AdamW makes steps.
  'lorat-float64': () => ({
    ...{ ...tracking(), dtype: 'float64', mode: 'recompute' },
    optimizer: sgd({ momentum: 0.9, weightDecay: 0.01, masterWeights: 'Float32' }),
  }),
  'lorat-lora-float64': () => ({
    ...{ ...tracking(), dtype: 'float64', adapter: anAdapter('float64', 0.2) },
  }),
  'srvgg-float64': () => ({ ...restoring(), dtype: 'float64', mode: 'recompute' }),
  'srvgg-lora-float64': () => ({
    ...{ ...restoring(), dtype: 'float64', adapter: anAdapter('float64', 0.2) },
  }),
  // Weights and choices take turns; one rank adds what choices are held to.
  'quantnas-search-float64': () => ({
    ...{ ...restoring(searched), dtype: 'float64', mode: 'recompute' },
    selection: (parameters: Parameters) => alternating(2, parameters),
    parts: {
      architecture: searchTerm(searched.config, { penalty: 1, entropy: 1, warmupSteps: 2 }),
    },
  }),
  'quantnas-found-float64': () => ({
    ...restoring(quantNasSource(foundJson())),
    dtype: 'float64',
  }),
  'whisper-float64': () => ({
    ...{ ...heard(), dtype: 'float64', mode: 'recompute' },
    optimizer: sgd({ momentum: 0.9, weightDecay: 0.01, masterWeights: 'Float32' }),
  }),
  'whisper-s2lora-float64': () => ({
    ...{ ...heard(), dtype: 'float64' },
    adapter: s2Lora({
      ...{ rank: 4, alpha: 8, dropout: 0.2, seed: 3n, dtype: 'float64', targets: () => true },
      ...{ threshold: 1e-3, learningRateRatio: 5, orthogonality: 0.1 },
    }),
    trains: () => false,
  }),
  // Biases of keys as above.
  'clip-float64': () => ({
    ...{ ...paired(), dtype: 'float64', source: clipSource('clip'), mode: 'recompute' },
    optimizer: sgd({ momentum: 0.9, weightDecay: 0.01, masterWeights: 'Float32' }),
  }),
  'dual-float64': () => ({
    ...{ ...paired(), dtype: 'float64', source: clipSource('dual') },
    optimizer: sgd({ momentum: 0.9, weightDecay: 0.01, masterWeights: 'Float32' }),
  }),
  'clip-lora-float64': () => ({
    ...{ ...named(), dtype: 'float64', source: clipSource('clip') },
    adapter: anAdapter('float64', 0.2),
    trains: () => false,
  }),
  // Its noise is the same at all ranks, and follows the gradients of all.
  'lora-float64': () => ({
    ...{ ...shared, dtype: 'float64', adapter: anAdapter('float64', 0.2) },
    noise: { sigma: 0.03, beta: 0.05 },
  }),
  // All ranks hold the random matrices, and shards of the diagonals.
  'randlora-float64-recompute': () => ({
    ...{ ...shared, dtype: 'float64', mode: 'recompute', adapter: aRandLora() },
  }),
  // Ranks share out scales and zero points as what they stand beside.
  'l4q-float64': () => ({
    ...{ ...shared, dtype: 'float64', mode: 'recompute', grid: aGrid },
    adapter: anAdapter('float64'),
  }),
  'by-block-float64': () => ({
    ...{ ...shared, dtype: 'float64', clip: { mode: 'Block', norm: 0.1 } },
  }),
  'full-float32': () => shared,
  'lora-float32': () => ({ ...shared, adapter: anAdapter('float32', 0.2) }),
  'full-bfloat16': () => ({ ...shared, dtype: 'bfloat16' }),
  'exact-adamw': () => exact,
  'exact-adamw-master-weights': () => ({ ...exact, dtype: 'bfloat16' }),
  'exact-8bit': () => ({ ...exact, dtype: 'bfloat16', optimizer: adamW8bit(plainAdamW) }),
  'exact-sgd': () => ({
    ...exact,
    optimizer: sgd({ momentum: 0.9, weightDecay: 0.01, masterWeights: 'Float32' }),
  }),
  // Integers travel as bytes, and their scales train.
  'exact-peqa': () => ({
    ...{ ...exact, dtype: 'bfloat16', trains: () => false },
    store: int4({ groupSize: 32, range: 'Asymmetric' }),
    grid: scalesOfIntegers({ bits: 4, groupSize: 32, range: 'Asymmetric' }, 1, true),
  }),
  // Each rank finds the same blocks of a whole matrix.
  'exact-fake-quantized': () => ({ ...exact, dtype: 'bfloat16', grid: ggufGrid('Q4_0') }),
  'exact-lora': () => ({ ...exact, dtype: 'bfloat16', adapter: anAdapter('float32') }),
  // Places are chosen by gradients over all ranks, where the values are.
  'spiel-float64': () => ({
    ...{ ...shared, dtype: 'float64', adapter: aSpiel('float64'), mode: 'recompute' },
    optimizer: agedAdamW(plainAdamW),
  }),
  'exact-spiel': () => ({
    ...{ ...exact, dtype: 'bfloat16', adapter: aSpiel('float32') },
    optimizer: agedAdamW(plainAdamW),
    store: nf4({ blockSize: 32, scales: 'DoubleQuantized' }),
  }),
  // Or by sums that the values' rank has.
  'spiel-ma-float64': () => ({
    ...{ ...shared, dtype: 'float64', adapter: aSpiel('float64', null), mode: 'recompute' },
    optimizer: anSm3,
  }),
  'exact-spiel-ma': () => ({
    ...{ ...exact, dtype: 'bfloat16', adapter: aSpiel('float32', null) },
    optimizer: anSm3,
    store: nf4({ blockSize: 32, scales: 'DoubleQuantized' }),
  }),
  // Frozen weights travel as codes and scales.
  'exact-qlora': () => ({
    ...{ ...exact, dtype: 'bfloat16', adapter: anAdapter('float32') },
    store: nf4({ blockSize: 32, scales: 'DoubleQuantized' }),
  }),
  'galore-float64': () => ({
    ...{ ...shared, dtype: 'float64' },
    optimizer: galore(
      { rank: 8, scale: 0.25, weightDecay: 0.01, masterWeights: 'Float32' },
      adamW(plainAdamW),
      exactSubspaces(3),
    ),
  }),
  // Both sides are projected; whoever has a matrix has its history.
  'natural-galore-float64': () => ({
    ...{ ...shared, dtype: 'float64' },
    optimizer: galore(
      { rank: 8, scale: 0.25, weightDecay: 0.01, masterWeights: 'Float32', frame: twoSided },
      adamW(plainAdamW),
      exactSubspaces(3),
      'NaturalGaLore',
      naturalGradient({ history: 3, damping: 1e-2 }),
    ),
  }),
  'lisa-float64': () => ({
    ...{ ...shared, dtype: 'float64', selection: oneBlock },
  }),
  // Rotations and products in float64 that nothing is rounded for.
  'halo-float64': () => ({
    ...{ ...shared, dtype: 'float64', precision: aHalo({ format: 'Exact' }) },
  }),
  'halo-float64-recompute': () => ({
    ...{ ...shared, dtype: 'float64', precision: aHalo({ format: 'Exact' }), mode: 'recompute' },
  }),
  'exact-halo': () => ({ ...exact, dtype: 'bfloat16', precision: aHalo() }),
  'exact-halo-recompute': () => ({
    ...{ ...exact, dtype: 'bfloat16', precision: aHalo(), mode: 'recompute' },
  }),
  'exact-halo-textbook': () => ({
    ...{ ...exact, dtype: 'bfloat16', precision: aHalo({ reuses: false }) },
  }),
  'exact-halo-fp8': () => ({
    ...{ ...exact, dtype: 'bfloat16', precision: aHalo({ format: 'FP8', level: 0 }) },
  }),
  'exact-halo-lora': () => ({
    ...{ ...exact, dtype: 'bfloat16', precision: aHalo(), adapter: anAdapter('float32') },
  }),
  'exact-halo-lisa': () => ({
    ...{ ...exact, dtype: 'bfloat16', precision: aHalo(), selection: oneBlock },
  }),
  // Rotations in float64 that nothing is rounded for.
  'mxfp4-float64': () => ({ ...shared, dtype: 'float64', precision: anFp4('MXFP4') }),
  'exact-nvfp4': () => ({ ...exact, dtype: 'bfloat16', precision: anFp4('NVFP4') }),
  'exact-mxfp4-recompute': () => ({
    ...{ ...exact, dtype: 'bfloat16', precision: anFp4('MXFP4', 1), mode: 'recompute' },
  }),
  'exact-nvfp4-lora': () => ({
    ...{ ...exact, dtype: 'bfloat16', precision: anFp4('NVFP4'), adapter: anAdapter('float32') },
  }),
  'exact-int8': () => ({ ...exact, ...inInt8, optimizer: adamW8bit(plainAdamW) }),
  // A block of four matrices: some rank of five owns none.
  'exact-int8-fused': () => ({
    ...{ ...exact, ...inInt8, name: 'phi3', config: {}, optimizer: adamW8bit(plainAdamW) },
  }),
  'exact-int8-lisa': () => ({
    ...{ ...exact, ...inInt8, optimizer: adamW8bit(plainAdamW), selection: oneBlock },
  }),
  // So many tokens and directions that one process makes gradients too: what it takes of their
  // factors is rounded elsewhere.
  'exact-q-galore': () => ({
    ...{ ...exact, ...inInt8, optimizer: aQGalore(plainAdamW, 56) },
    batches: oneSpeaks.map((sequences) => [...sequences, ...sequences.map(silent)]),
  }),
  'q-galore': () => ({
    ...{ ...shared, ...inInt8, optimizer: aQGalore(stochastic) },
    clip: { mode: 'Global', norm: 0.5 },
  }),
  'exact-pv': () => ({ ...exact, codebook: toyCodebook, optimizer: aPvTuning(toyCodes) }),
  'exact-pv-bfloat16': () => ({
    ...{ ...exact, dtype: 'bfloat16', codebook: toyCodebook },
    optimizer: aPvTuning({ ...toyCodes, trustRatio: 0.01 }),
    ...{ mode: 'recompute', clip: { mode: 'None', norm: 1 } },
  }),
  // Nothing is chosen by comparing: codes stay, and what they name moves.
  'pv-float64': () => ({
    ...{ ...shared, dtype: 'float64', codebook: toyCodebook, optimizer: aPvTuning(null) },
  }),
  pv: () => ({ ...shared, codebook: toyCodebook, optimizer: aPvTuning(toyCodes) }),
  stochastic: () => ({
    ...{ ...shared, dtype: 'bfloat16' },
    optimizer: adamW({ ...plainAdamW, masterWeights: 'StochasticRounding', moments: 'BFloat16' }),
  }),
} as const satisfies Readonly<Record<string, () => TrainingOptions>>;

export type ShardedCase = keyof typeof shardedCases;
