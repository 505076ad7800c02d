// Bytes that an optimizer keeps: master weights, moments, bases of subspaces. Of blocks that rest
// it keeps nothing, unless the method says so.
import { codedForm, storesCodes } from '../methods/coded.ts';
import { drawOf } from '../methods/draw.ts';
import { masterWeightsOf } from '../methods/master-weights.ts';
import { projectionOf } from '../methods/projection.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { codebookBlock } from './codebook-bytes.ts';
import type { DecoderFacts } from './decoder-facts.ts';
import { memoryConstants } from './memory-constants.ts';
import { linearsOf, parametersOf, trainedOf } from './parameters.ts';
import { projectedLinears } from './projected-linears.ts';

type Optimizer = ResolvedMethod['optimizer'];

interface OptimizerBytes {
  readonly blocks: number;
  /** Whether those are all blocks of the model. */
  readonly ofAll: boolean;
  readonly outside: number;
}

export function optimizerBytes(facts: DecoderFacts, method: ResolvedMethod): OptimizerBytes {
  const { block, outside, activeBlocks } = trainedOf(facts, method);
  const blocks = keepsAll(method) ? facts.L : activeBlocks;
  const mastered = storesCodes(method) ? parametersOf(facts).blockVectors : block;
  const master = masterBytes(method);
  return {
    blocks: blocks * (master * mastered + blockBytes(facts, method, block)),
    ofAll: blocks === facts.L,
    outside: outside * (master + valueBytes(method)),
  };
}

/**
 * What one update needs while it runs; most optimizers work in place. Of the largest matrix, with
 * the choice of its directions.
 */
export function updateWorking(facts: DecoderFacts, method: ResolvedMethod): number {
  const projection = projectionOf(method.optimizer);
  const copied = wideCopies(method) * 4;
  if (projection === null) {
    if (!storesCodes(method)) return 0;
    return Math.max(...linearsOf(facts).map(({ out, in: inputs }) => copied * out * inputs));
  }
  const { bytes, squares, rows } = memoryConstants.refresh[projection.directions];
  const each = (projectedLinears(facts, method) ?? []).map(({ smaller, larger, rank }) => {
    const low = 2 * 4 * rank * larger;
    const refresh = bytes * smaller * (squares * smaller + Math.min(rows, larger));
    return copied * smaller * larger + Math.max(low, refresh);
  });
  return Math.max(...each);
}

/**
 * In float32, of one matrix: a weight that has no master. One in groups of codes is changed row by
 * row where its change is of low rank.
 */
function wideCopies(method: ResolvedMethod): number {
  const form = codedForm(method);
  if (form === 'Codebook') return memoryConstants.codebookCopies;
  if (form === 'Groups' && projectionOf(method.optimizer) !== null) return 0;
  return method.precision.type === 'Float32' || masterBytes(method) > 0 ? 0 : 1;
}

/**
 * The same for what trains outside the blocks: LAMB needs an update as a whole before it knows how
 * far to go.
 */
export function outsideWorking(facts: DecoderFacts, method: ResolvedMethod): number {
  if (method.optimizer.type !== 'PVTuning') return 0;
  const { embedding, head } = trainedOf(facts, method);
  return 4 * (embedding || head ? parametersOf(facts).embedding : 0);
}

/** Whether state stays when a block rests: in the end there is state of all that trains. */
function keepsAll({ selection }: ResolvedMethod): boolean {
  return (drawOf(selection)?.state ?? 'Keep') === 'Keep';
}

/** State of one block. */
function blockBytes(facts: DecoderFacts, method: ResolvedMethod, trained: number): number {
  if (method.optimizer.type === 'PVTuning') return codedBlockBytes(facts, method);
  const projected = projectedLinears(facts, method);
  if (projected === null) return trained * valueBytes(method);
  const basis = memoryConstants.basisBytes[method.optimizer.type === 'GaLore' ? 'exact' : 'lazy'];
  const matrices = projected.reduce(
    (sum, { rank, smaller, larger }) =>
      sum + rank * (larger * valueBytes(method) + smaller * basis),
    0,
  );
  return matrices + parametersOf(facts).blockVectors * valueBytes(method);
}

/** Of codes, of codebooks and scales, and of vectors as they are. */
function codedBlockBytes(facts: DecoderFacts, method: ResolvedMethod): number {
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

/** Of one value of what the optimizer sees, without a master. */
function valueBytes({ optimizer }: { readonly optimizer: Optimizer }): number {
  const { AdamW, AdamW8bit, SGDMomentum } = memoryConstants.optimizer;
  const byMoments = { Float32: AdamW, BFloat16: AdamW / 2, EightBit: AdamW8bit } as const;
  switch (optimizer.type) {
    case 'AdamW':
      return byMoments[optimizer.adamW.moments ?? 'Float32'];
    case 'AdamW8bit':
      return AdamW8bit;
    case 'SGD':
      return Number(optimizer.sgd.momentum) > 0 ? SGDMomentum : 0;
    case 'GaLore':
      return byMoments[optimizer.galore.moments];
    case 'QGaLore':
      return AdamW8bit;
    case 'PVTuning':
      return Number(optimizer.pvTuning.betas[0]) > 0 ? AdamW : AdamW / 2;
    default:
      return optimizer satisfies never;
  }
}

/** Of one trained parameter. Adapters are float32 and need no master. */
function masterBytes(method: ResolvedMethod): number {
  const mastered = masterWeightsOf(method) === 'Float32' && method.adapter.type === 'None';
  return mastered ? memoryConstants.optimizer.master : 0;
}
