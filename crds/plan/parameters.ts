// Counts and shapes from the sizes of a decoder: its linear layers, its parameters, and those that
// a method trains.
import { UserError } from '../failures/errors.ts';
import { adapterShape } from '../methods/adapter-traits.ts';
import { drawOf } from '../methods/draw.ts';
import { type Linear, lastPart, linearsOf, namedLinears } from '../methods/linears.ts';
import { trainsNothing } from '../methods/no-training.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { inWords } from '../schema/text.ts';
import { nearestName } from '../text/nearest-name.ts';
import type { DecoderFacts } from './decoder-facts.ts';
import { gridValues, trainsScales } from './grid-bytes.ts';

export type { Linear };
export { lastPart, linearsOf };

interface ParameterCounts {
  /** Per block: matrices, and norms and biases. */
  readonly blockMatrices: number;
  readonly blockVectors: number;
  readonly embedding: number;
  /** 0 if the head is tied to the embedding. */
  readonly head: number;
  readonly total: number;
}

export function parametersOf(facts: DecoderFacts): ParameterCounts {
  const { V, H, L, NH, NK, D, I, tied, bias } = facts;
  const blockMatrices = linearsOf(facts).reduce((sum, linear) => sum + linear.out * linear.in, 0);
  const norms = (facts.sandwichNorms ? 4 : 2) * H + (facts.qkNorm ? 2 * D : 0);
  const biases = (bias.qkv ? (NH + 2 * NK) * D : 0) + (bias.o ? H : 0) + (bias.mlp ? 2 * I + H : 0);
  const blockVectors = norms + biases;
  const embedding = V * H;
  const head = tied ? 0 : V * H;
  const total = embedding + head + H + L * (blockMatrices + blockVectors);
  return { blockMatrices, blockVectors, embedding, head, total };
}

export interface TrainedCounts {
  /** In one block. */
  readonly block: number;
  /** Of embedding, head and final norm together. */
  readonly outside: number;
  /** All parameters that are trained at some time. */
  readonly total: number;
  /** Of the total: matrices of an adapter, with what a grid has beside it or alone. */
  readonly adapter: number;
  /** Of the total: scales and zero points of a grid, where weights are trained. */
  readonly ofGrid: number;
  /** Values of an adapter that are fixed and saved with it, in all blocks. */
  readonly adapterKept: number;
  /** Values in files that say what an adapter took over from the weights, in all blocks. */
  readonly adapterTaken: number;
  /** Active blocks of one step, and active parameters in total. */
  readonly activeBlocks: number;
  readonly active: number;
  /** Whether the embedding is active, and the matrix of the head. */
  readonly embedding: boolean;
  readonly head: boolean;
}

export function trainedOf(facts: DecoderFacts, method: ResolvedMethod): TrainedCounts {
  if (trainsNothing(method)) return nothing;
  const activeBlocks = activeBlocksOf(facts, method);
  const counted = (block: number, outside: number) => ({
    ...{ block, outside, total: block * facts.L + outside },
    ...{ activeBlocks, active: block * activeBlocks + outside },
  });
  const shape = adapterShape(method, facts);
  const onGrid = gridValues(facts, method);
  if (trainsScales(method)) {
    const [trained, kept] = [onGrid.trained * facts.L, onGrid.kept * facts.L];
    return {
      ...counted(onGrid.trained, 0),
      ...{ adapter: trained, ofGrid: 0, adapterKept: kept, adapterTaken: 0 },
      ...nothingOutside,
    };
  }
  if (shape === null) {
    const { blockMatrices, blockVectors } = parametersOf(facts);
    const { outside, ...isActiveIn } = outsideOf(facts, method);
    return {
      ...counted(blockMatrices + blockVectors + onGrid.trained, outside),
      adapter: 0,
      ofGrid: onGrid.trained * facts.L,
      adapterKept: 0,
      adapterTaken: 0,
      ...isActiveIn,
    };
  }
  const counts = adaptedLinears(facts, shape.targetModules).map((linear) => shape.count(linear));
  // Layers of an adapter may differ: a block is one of average size, the model is exact.
  const first = onGrid.trained + (shape.experts?.router ?? 0);
  const inBlock = counts.reduce((sum, { trained }) => sum + trained, first);
  const block = Math.ceil(inBlock);
  const adapter = Math.round(inBlock * facts.L);
  const kept = counts.reduce((sum, one) => sum + one.kept, 0);
  const taken = counts.reduce((sum, one) => sum + one.taken, 0);
  return {
    ...counted(block, 0),
    ...{ total: adapter, adapter, ofGrid: 0, adapterKept: Math.round(kept * facts.L) },
    adapterTaken: Math.round(taken * facts.L),
    ...nothingOutside,
  };
}

function activeBlocksOf({ L }: DecoderFacts, { selection }: ResolvedMethod): number {
  return Math.min(L, drawOf(selection)?.activeLayers ?? L);
}

/** Trained parameters outside the blocks, if weights are trained. A tied head is the embedding. */
function outsideOf(
  facts: DecoderFacts,
  { selection }: ResolvedMethod,
): Pick<TrainedCounts, 'outside' | 'embedding' | 'head'> {
  const { embedding, head } = parametersOf(facts);
  const all = { trainEmbeddings: true, trainHead: true, trainFinalNorm: true };
  const trains = drawOf(selection) ?? all;
  const outside =
    (trains.trainEmbeddings ? embedding : 0) +
    (trains.trainHead ? head : 0) +
    (trains.trainFinalNorm ? facts.H : 0);
  const { trainEmbeddings, trainHead } = trains;
  return { outside, embedding: trainEmbeddings, head: facts.tied ? trainEmbeddings : trainHead };
}

const nothingOutside = { embedding: false, head: false } as const;

const nothing: TrainedCounts = {
  ...{ block: 0, outside: 0, total: 0, activeBlocks: 0, active: 0 },
  ...{ adapter: 0, ofGrid: 0, adapterKept: 0, adapterTaken: 0 },
  ...nothingOutside,
};

/**
 * The linear layers of a block that get an adapter. A name is the last part of a module path, or a
 * longer suffix of it (`mlp.up_proj`); `AllLinear` is all of them, and never the head.
 */
export function adaptedLinears(facts: DecoderFacts, targets: readonly string[]): readonly Linear[] {
  const all = linearsOf(facts);
  if (targets.includes('AllLinear')) return all;
  const names = all.map(({ name }) => name);
  for (const [index, target] of targets.entries()) {
    if (!names.includes(lastPart(target))) throw unknownTarget(target, index, names);
  }
  return namedLinears(all, targets);
}

function unknownTarget(target: string, index: number, names: readonly string[]): UserError {
  const near = nearestName(lastPart(target), ['AllLinear', ...names]);
  const path = `spec.method.adapter.lora.targetModules[${index}]`;
  return new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${target}; it must be AllLinear, ${inWords(names, 'or')}`,
    path,
    value: target,
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  });
}
