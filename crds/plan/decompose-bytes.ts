// Memory of what an adapter computes before the model is built: from weights, one matrix at a time;
// from gradients or activations, with one pass of the whole model. Beside that are the factors of
// matrices before, until they are written.

import type { CalibrationSizes } from '../methods/adapter-entry.ts';
import type { AdapterShape } from '../methods/adapter-shapes.ts';
import {
  adapterShape,
  calibrationOf,
  fisherBatches,
  readsGradient,
} from '../methods/adapter-traits.ts';
import { hasFewBits } from '../methods/few-bits.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { blockBytes } from './block-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { adaptedLinears, trainedOf } from './parameters.ts';
import { sharedBytes } from './shared-bytes.ts';
import { type MemoryParts, type StagePeak, stagePeak } from './stage-peak.ts';
import { staticBytes, valueBytes } from './static-bytes.ts';

/**
 * None for an adapter that decomposes nothing. Matrices are decomposed by the host: of another
 * device only a pass takes memory.
 */
export function decomposeStage(question: MemoryQuestion): readonly StagePeak[] {
  const { facts, method, shards } = question;
  const shape = adapterShape(method, facts);
  const calibration = calibrationOf(method);
  if (calibration !== null) {
    return [stagePeak('Decompose', calibrationParts(question, calibration))];
  }
  const isOfGradients = readsGradient(method);
  const { adapter, adapterKept, adapterTaken } = trainedOf(facts, method);
  if (shape === null || shape.decomposing === null) return [];
  const weighs = fisherBatches(method) > 0;
  if (question.device.type === 'cuda') {
    return isOfGradients || weighs
      ? [stagePeak('Decompose', passParts(question, copiesOfSearch(question, shape)))]
      : [];
  }
  // What trains begins with its own values where those come from gradients.
  const own = isOfGradients && adapterTaken === 0 && !shape.searches ? adapter : 0;
  const stay = adapterKept + adapterTaken + own;
  const found = Math.max(stay, foundBefore(question, shape));
  const factors = (memoryConstants.adapterBytes * found) / shards;
  const working =
    decomposingBytes(question, shape, shape.decomposing) +
    copiesOfSearch(question, shape) +
    factorsOfSearch(question, shape);
  const parts = isOfGradients
    ? passParts(question, working)
    : { ...nothing, workspace: memoryConstants.cpu.context + working };
  const whole = stagePeak('Decompose', { ...parts, weights: parts.weights + factors });
  if (!weighs) return [whole];
  // Gradients come first, each beside its squares and a turned copy of them.
  const squaring = decomposingBytes(question, shape, { matrices: 2, grams: 0 });
  const measured = stagePeak('Decompose', passParts(question, squaring));
  return [measured.peak > whole.peak ? measured : whole];
}

/** Changed copies of the matrices of a block, and the change of one while it is made. */
function copiesOfSearch({ facts, method }: MemoryQuestion, shape: AdapterShape): number {
  if (shape.searches === undefined) return 0;
  const sizes = adaptedLinears(facts, shape.targetModules).map((one) => one.out * one.in);
  const all = sizes.reduce((sum, one) => sum + one, 0);
  return valueBytes(method) * all + memoryConstants.changeBytes * Math.max(...sizes);
}

/** Shared factors with their gradients and moments. */
function factorsOfSearch({ facts }: MemoryQuestion, shape: AdapterShape): number {
  const { targetModules, searches = () => 0 } = shape;
  const linears = adaptedLinears(facts, targetModules);
  return 4 * 4 * linears.reduce((sum, linear) => sum + searches(linear), 0);
}

/** Values of all layers that are there until their ranks are known. */
function foundBefore({ facts }: MemoryQuestion, { targetModules, found }: AdapterShape): number {
  if (found === undefined) return 0;
  const linears = adaptedLinears(facts, targetModules);
  return facts.L * linears.reduce((sum, linear) => sum + found(linear), 0);
}

const nothing = { weights: 0, optimizer: 0, gradients: 0, activations: 0 };

/** Of the matrix that needs most, which is in float32 whatever its file has. */
function decomposingBytes(
  { facts }: MemoryQuestion,
  shape: AdapterShape,
  { matrices: copies, grams }: NonNullable<AdapterShape['decomposing']>,
): number {
  const matrices = adaptedLinears(facts, shape.targetModules).map((linear) => {
    const smaller = Math.min(linear.in, linear.out);
    return 4 * (1 + copies) * linear.in * linear.out + 8 * grams * smaller ** 2;
  });
  return Math.max(...matrices);
}

/**
 * A forward and a backward of the whole model without the adapter, all blocks recomputed; the
 * gradients are those of one block.
 */
function passParts(question: MemoryQuestion, working: number): MemoryParts {
  const { facts, method, perWave, recomputation, device } = question;
  const held = recomputation === 'Offload' ? 2 : facts.L + 2;
  const whole = { ...question, method: withoutAdapter(method) };
  const bytes = blockBytes(whole);
  const shared = sharedBytes(whole);
  const atHead = bytes.headWorking + shared.vocabulary;
  const inBlock = bytes.backwardWorking + bytes.tape + working + shared.blockExchange;
  return {
    ...nothing,
    weights: staticBytes(whole).weights,
    gradients: memoryConstants.adapterBytes * trainedOf(facts, whole.method).block,
    activations: held * perWave * bytes.stream,
    workspace: memoryConstants[device.type].context + shared.blocks + Math.max(atHead, inBlock),
  };
}

/**
 * A forward of the model without the adapter over some sequences: all their streams, one of which
 * passes a block, and the sums of products of the inputs of that block. The host decomposes one
 * after the other, and keeps what it found of all.
 */
function calibrationParts(
  question: MemoryQuestion,
  { targetModules, sequences, most, directions }: CalibrationSizes,
): MemoryParts {
  const { facts, method, shards, device, microBatchTokens: T } = question;
  const linears = adaptedLinears(facts, targetModules);
  const inputs = distinctInputs(linears);
  const sums = 4 * inputs.reduce((sum, size) => sum + size ** 2, 0);
  const largest = Math.max(...inputs);
  const isHost = device.type === 'cpu';
  // In float64: the covariance, and what its decomposition needs.
  const decomposing = isHost ? 8 * covariances[directions] * largest ** 2 : 0;
  const found = isHost ? 4 * most * facts.L * inputs.reduce((sum, size) => sum + size, 0) : 0;
  const bytes = blockBytes(question);
  const shared = sharedBytes(question);
  const width = valueBytes(method);
  // Shown to the sums: the input, its chosen rows, and these relative to a mean in float32.
  const shown = T * largest * (2 * width + 2 * 4);
  const inBlock = sums + Math.max(bytes.forwardWorking + shown, decomposing);
  const { weights } = staticBytes(question);
  const { adapter } = trainedOf(facts, method);
  return {
    ...nothing,
    weights: weights - (memoryConstants.adapterBytes * adapter) / shards + found / shards,
    activations: (sequences + 1) * bytes.stream,
    workspace:
      memoryConstants[device.type].context + shared.blocks + Math.max(shared.vocabulary, inBlock),
  };
}

/** Squares of the size of the input: the covariance itself, its Gram matrix and eigenvectors. */
const covariances = { Exact: 6, Sketched: 3 } as const;

/** Sizes of the inputs that layers of a block read, each once. */
function distinctInputs(linears: readonly { readonly name: string; readonly in: number }[]) {
  const sources = new Map(linears.map(({ name, in: size }) => [readers[name] ?? name, size]));
  return [...sources.values()];
}

const readers: Readonly<Record<string, string>> = {
  ...{ q_proj: 'attention', k_proj: 'attention', v_proj: 'attention' },
  ...{ gate_proj: 'mlp', up_proj: 'mlp' },
};

/** All weights as in their files, and trained. */
export function withoutAdapter({ precision, ...method }: ResolvedMethod): ResolvedMethod {
  const plain = { type: 'BFloat16', bfloat16: { trainedWeights: 'BFloat16' } } as const;
  return {
    ...method,
    // As in its files, whatever it is stored in later.
    base: { type: 'Dense' },
    adapter: { type: 'None' },
    selection: { type: 'All' },
    precision: hasFewBits({ precision }) ? plain : precision,
  } as ResolvedMethod;
}
