// Bytes of an optimizer: master weights, moments, projections. Inactive blocks have no state,
// unless the method keeps it.
import { adapterShape, choosesPlaces } from '../methods/adapter-traits.ts';
import { codedForm, storesCodes } from '../methods/coded.ts';
import { drawOf } from '../methods/draw.ts';
import { perBlock } from '../methods/linears.ts';
import { masterWeightsOf } from '../methods/master-weights.ts';
import { projectionOf } from '../methods/projection.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { codebookBlock } from './codebook-bytes.ts';
import { trainsScales } from './grid-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { ModelFacts } from './model-facts.ts';
import { adaptedLinears, linearsOf, parametersOf, trainedOf } from './parameters.ts';
import { projectedLinears } from './projected-linears.ts';

type Optimizer = ResolvedMethod['optimizer'];

interface OptimizerBytes {
  readonly blocks: number;
  /** Whether these are all blocks of the model. */
  readonly ofAll: boolean;
  readonly outside: number;
}

export function optimizerBytes(facts: ModelFacts, method: ResolvedMethod): OptimizerBytes {
  const { block, outside, modules, activeBlocks } = trainedOf(facts, method);
  const blocks = keepsAll(method) ? facts.L : activeBlocks;
  const mastered = storesCodes(method) ? parametersOf(facts).blockVectors : block;
  const master = masterBytes(method);
  return {
    blocks: blocks * (master * mastered + blockBytes(facts, method, block)),
    ofAll: blocks === facts.L,
    outside: outside * (master + valueBytes(method)) + moduleMaster(method) * modules,
  };
}

/**
 * Workspace of one update; most optimizers work in place. Of the largest matrix, including the
 * computation of its projection.
 */
export function updateWorking(facts: ModelFacts, method: ResolvedMethod): number {
  const projection = projectionOf(method.optimizer);
  const copied = wideCopies(method) * 4;
  if (projection === null) {
    if (!storesCodes(method)) return 0;
    return Math.max(...linearsOf(facts).map(({ out, in: inputs }) => copied * out * inputs));
  }
  const isNatural = historyOf(method) > 0;
  const { bytes, squares, rows } = memoryConstants.refresh[projection.directions];
  const each = (projectedLinears(facts, method) ?? []).map((one) => {
    const { smaller, larger, rank } = one;
    // Between both projections, and while the second basis is found, only one side is projected.
    const half = one.both ? 4 * rank * larger : 0;
    const low = (isNatural ? 4 : 2) * 4 * one.low + (isNatural ? memoryConstants.columns : 0);
    const refresh = bytes * smaller * (squares * smaller + Math.min(rows, larger));
    return copied * smaller * larger + Math.max(low + 2 * half, refresh, 3 * half);
  });
  return Math.max(...each);
}

/**
 * Float32 copies of one matrix for a weight without master weights. A quantized matrix is updated
 * row by row if its update has low rank.
 */
function wideCopies(method: ResolvedMethod): number {
  const form = codedForm(method);
  if (form === 'Codebook') return memoryConstants.codebookCopies;
  if (form === 'Groups' && projectionOf(method.optimizer) !== null) return 0;
  return method.precision.type === 'Float32' || masterBytes(method) > 0 ? 0 : 1;
}

/**
 * The same for trained tensors outside the blocks: LAMB needs the whole update before it can scale
 * it.
 */
export function outsideWorking(facts: ModelFacts, method: ResolvedMethod): number {
  if (method.optimizer.type !== 'PVTuning') return 0;
  const { embedding, head } = trainedOf(facts, method);
  return 4 * (embedding || head ? parametersOf(facts).embedding : 0);
}

/** Whether inactive blocks keep their state: eventually everything trainable has state. */
function keepsAll({ selection }: ResolvedMethod): boolean {
  return (drawOf(selection)?.state ?? 'Keep') === 'Keep';
}

/** State of one block. */
function blockBytes(facts: ModelFacts, method: ResolvedMethod, trained: number): number {
  if (method.optimizer.type === 'PVTuning') return codedBlockBytes(facts, method);
  if (method.optimizer.type === 'SM3') return sumsBytes(facts, method);
  const projected = projectedLinears(facts, method);
  if (projected === null) return trained * valueBytes(method);
  const basis = memoryConstants.basisBytes[method.optimizer.type === 'QGaLore' ? 'lazy' : 'exact'];
  const history = historyOf(method);
  const matrices = projected.reduce(
    (sum, { rank, smaller, larger, low, both }) =>
      sum +
      low * (valueBytes(method) + 2 * history) +
      rank * (smaller + (both ? larger : 0)) * basis +
      8 * history ** 2,
    0,
  );
  return matrices + parametersOf(facts).blockVectors * valueBytes(method);
}

/** Of rows and columns of the weights whose values come and go. */
function sumsBytes(facts: ModelFacts, method: ResolvedMethod): number {
  const linears = adaptedLinears(facts, adapterShape(method, facts)?.targetModules ?? []);
  return 4 * perBlock(linears, (linear) => linear.out + linear.in);
}

/** Projected gradients, in bfloat16, that the state of a matrix keeps. */
function historyOf({ optimizer }: { readonly optimizer: Optimizer }): number {
  return optimizer.type === 'NaturalGaLore' ? optimizer.naturalGalore.history : 0;
}

/** State of codes, of codebooks and scales, and of dense tensors. */
function codedBlockBytes(facts: ModelFacts, method: ResolvedMethod): number {
  if (method.optimizer.type !== 'PVTuning') return 0;
  const { updateCodes, updateCodebooks, codeBetas, deltaDecay } = method.optimizer.pvTuning;
  const { blockMatrices, blockVectors } = parametersOf(facts);
  const buffers = Number(deltaDecay) < 1 ? 1 : 0;
  const means = Number(codeBetas[0]) > 0 ? 2 : 1;
  const values = codebookBlock(facts, method).values;
  return (
    (updateCodes ? 4 * (buffers + means) * blockMatrices : 0) +
    (updateCodebooks ? values * valueBytes(method) : 0) +
    blockVectors * valueBytes(method)
  );
}

/** Per value that the optimizer sees, without master weights. */
function valueBytes(method: Pick<ResolvedMethod, 'adapter' | 'optimizer'>): number {
  const { optimizer } = method;
  const { AdamW, AdamW8bit, SGDMomentum, SM3 } = memoryConstants.optimizer;
  const byMoments = { Float32: AdamW, BFloat16: AdamW / 2, EightBit: AdamW8bit } as const;
  switch (optimizer.type) {
    case 'AdamW':
      // Moments and an age, of values and of candidates.
      if (choosesPlaces(method)) return 2 * (AdamW + 4);
      return byMoments[optimizer.adamW.moments ?? 'Float32'];
    case 'AdamW8bit':
      return AdamW8bit;
    case 'SGD':
      return Number(optimizer.sgd.momentum) > 0 ? SGDMomentum : 0;
    case 'SM3':
      // Of modules that train whole; of single values rows and columns have some.
      return SM3;
    case 'GaLore':
      return byMoments[optimizer.galore.moments];
    case 'NaturalGaLore':
      return byMoments[optimizer.naturalGalore.moments];
    case 'QGaLore':
      return AdamW8bit;
    case 'PVTuning':
      return Number(optimizer.pvTuning.betas[0]) > 0 ? AdamW : AdamW / 2;
    default:
      return optimizer satisfies never;
  }
}

/** Per value of a module that trains whole beside an adapter. */
function moduleMaster(method: ResolvedMethod): number {
  return masterWeightsOf(method) === 'Float32' ? memoryConstants.optimizer.master : 0;
}

/** Per trained parameter. Adapters are float32 and need no master weights. */
function masterBytes(method: ResolvedMethod): number {
  const trainsWeights = method.adapter.type === 'None' && !trainsScales(method);
  return masterWeightsOf(method) === 'Float32' && trainsWeights
    ? memoryConstants.optimizer.master
    : 0;
}
