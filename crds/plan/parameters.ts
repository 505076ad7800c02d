// Counts and shapes from the sizes of a decoder: its linear layers, its parameters, and those that
// a method trains.
import { UserError } from '../failures/errors.ts';
import { adapterShape } from '../methods/adapter-traits.ts';
import { drawOf } from '../methods/draw.ts';
import {
  isNamed,
  type Linear,
  lastPart,
  linearsOf,
  namedLinears,
  perBlock,
} from '../methods/linears.ts';
import { trainsNothing } from '../methods/no-training.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { inWords } from '../schema/text.ts';
import { nearestName } from '../text/nearest-name.ts';
import { gridValues, trainsScales } from './grid-bytes.ts';
import { countsOf, type ModelCounts } from './kinds/counts.ts';
import type { ModelFacts } from './model-facts.ts';

export type { Linear };
export { linearsOf };

interface ParameterCounts extends Omit<ModelCounts, 'linears' | 'headMatrix' | 'outputs'> {
  /** Of matrices, in a block of average size. */
  readonly blockMatrices: number;
  readonly total: number;
}

export function parametersOf(facts: ModelFacts): ParameterCounts {
  const { linears, blockVectors, embedding, head, finalNorm } = countsOf(facts);
  const blockMatrices = perBlock(linears, (linear) => linear.out * linear.in);
  const inBlocks = Math.round(facts.L * (blockMatrices + blockVectors));
  const total = embedding + head + finalNorm + inBlocks;
  return { blockMatrices, blockVectors, embedding, head, finalNorm, total };
}

export function isTied(facts: ModelFacts): boolean {
  return facts.kind === 'speech' || (facts.kind === 'decoder' && facts.tied);
}

export interface TrainedCounts {
  /** In one block. */
  readonly block: number;
  /** Of embedding, head and final norm together, and what several blocks share. */
  readonly outside: number;
  /** Of these: modules in the model's type that train whole beside an adapter. */
  readonly modules: number;
  /** All parameters that are trained at some time. */
  readonly total: number;
  /** Of the total: matrices of an adapter, with what a grid has beside it or alone. */
  readonly adapter: number;
  /** Of the total: scales and zero points of a grid, where weights are trained. */
  readonly ofGrid: number;
  /** Of the total: values of an adapter that several blocks share. */
  readonly shared: number;
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

export function trainedOf(facts: ModelFacts, method: ResolvedMethod): TrainedCounts {
  if (trainsNothing(method)) return nothing;
  const activeBlocks = activeBlocksOf(facts, method);
  const counted = (block: number, outside: number) => ({
    ...{ block, outside, modules: 0, total: block * facts.L + outside, shared: 0 },
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
    const whole = blockMatrices + blockVectors + onGrid.trained;
    return {
      ...counted(Math.ceil(whole), outside),
      total: Math.round(whole * facts.L) + outside,
      adapter: 0,
      ofGrid: onGrid.trained * facts.L,
      adapterKept: 0,
      adapterTaken: 0,
      ...isActiveIn,
    };
  }
  const linears = adaptedLinears(facts, shape.targetModules);
  // Layers of an adapter may differ: a block is one of average size, the model is exact.
  const first = onGrid.trained + (shape.experts?.router ?? 0);
  const inBlock = first + perBlock(linears, (linear) => shape.count(linear).trained);
  const block = Math.ceil(inBlock);
  const { shared = 0 } = shape;
  const adapter = Math.round(inBlock * facts.L) + shared;
  const kept = perBlock(linears, (linear) => shape.count(linear).kept);
  const taken = perBlock(linears, (linear) => shape.count(linear).taken);
  const whole = 'whole' in facts ? facts.whole : 0;
  const { modules, ...isActiveIn } = modulesOf(facts, method);
  const outside = whole + modules;
  return {
    ...counted(block, outside + shared),
    ...{ modules, total: adapter + outside, adapter, ofGrid: 0, shared },
    ...{ adapterKept: Math.round(kept * facts.L), adapterTaken: Math.round(taken * facts.L) },
    ...{ embedding: isActiveIn.embedding, head: whole > 0 || isActiveIn.head },
  };
}

/** Modules outside the blocks that train whole beside an adapter. */
function modulesOf(
  facts: ModelFacts,
  { fullModules }: ResolvedMethod,
): Pick<TrainedCounts, 'modules' | 'embedding' | 'head'> {
  const { embedding, head, finalNorm } = parametersOf(facts);
  const tied = isTied(facts);
  const at = fullModules.indexOf('lm_head');
  if (tied && at >= 0) {
    const path = `spec.method.fullModules`;
    throw new UserError({
      code: 'E_INVALID_SPEC',
      message: `${path} has lm_head, but the head of this model is its embedding`,
      path,
      value: 'lm_head',
      hint: 'name embed_tokens, which trains both',
    });
  }
  const sizes = { embed_tokens: embedding, lm_head: head, norm: finalNorm };
  const trainsTable = fullModules.includes('embed_tokens');
  return {
    modules: fullModules.reduce((sum, name) => sum + sizes[name], 0),
    ...{ embedding: trainsTable, head: tied ? trainsTable : at >= 0 },
  };
}

/** Values of the factors of all layers that an adapter has by itself or makes; 0 without one. */
export function factorValues(facts: ModelFacts, method: ResolvedMethod): number {
  const shape = adapterShape(method, facts);
  const { adapter, adapterKept } = trainedOf(facts, method);
  if (shape?.factors === undefined) return adapter + adapterKept;
  const linears = adaptedLinears(facts, shape.targetModules);
  return Math.round(facts.L * perBlock(linears, (one) => shape.factors?.(one) ?? 0));
}

function activeBlocksOf({ L }: ModelFacts, { selection }: ResolvedMethod): number {
  return Math.min(L, drawOf(selection)?.activeLayers ?? L);
}

/** Trained parameters outside the blocks, if weights are trained. A tied head is the embedding. */
function outsideOf(
  facts: ModelFacts,
  { selection }: ResolvedMethod,
): Pick<TrainedCounts, 'outside' | 'embedding' | 'head'> {
  const { embedding, head, finalNorm } = parametersOf(facts);
  const all = { trainEmbeddings: true, trainHead: true, trainFinalNorm: true };
  const trains = drawOf(selection) ?? all;
  // Sinusoids are fixed.
  const fixed = facts.kind === 'speech' ? facts.sourcePositions * facts.H : 0;
  const outside =
    (trains.trainEmbeddings ? embedding - fixed : 0) +
    (trains.trainHead ? head : 0) +
    (trains.trainFinalNorm ? finalNorm : 0);
  const { trainEmbeddings, trainHead } = trains;
  return { outside, embedding: trainEmbeddings, head: isTied(facts) ? trainEmbeddings : trainHead };
}

const nothingOutside = { embedding: false, head: false } as const;

const nothing: TrainedCounts = {
  ...{ block: 0, outside: 0, modules: 0, total: 0, activeBlocks: 0, active: 0 },
  ...{ adapter: 0, ofGrid: 0, shared: 0, adapterKept: 0, adapterTaken: 0 },
  ...nothingOutside,
};

/**
 * The linear layers of a block that get an adapter. A name is the last part of a module path, or a
 * longer suffix of it (`mlp.up_proj`); `AllLinear` is all of them, and never the head.
 */
export function adaptedLinears(facts: ModelFacts, targets: readonly string[]): readonly Linear[] {
  const all = linearsOf(facts);
  if (targets.includes('AllLinear')) return all;
  // Paths of convolutions have no end that is the same in each block.
  const names = all.flatMap(({ name, kernel }) => (kernel === undefined ? [name] : []));
  for (const [index, target] of targets.entries()) {
    const isKnown = names.length > 0 && all.some(({ path }) => isNamed(path, target));
    if (!isKnown) throw unknownTarget(target, index, names);
  }
  return namedLinears(all, targets);
}

function unknownTarget(target: string, index: number, names: readonly string[]): UserError {
  const near = nearestName(lastPart(target), ['AllLinear', ...names]);
  const path = `spec.method.adapter.lora.targetModules[${index}]`;
  return new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${target}; it must be ${inWords(['AllLinear', ...names], 'or')}`,
    path,
    value: target,
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  });
}
