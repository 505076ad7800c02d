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
import type {
  DecoderFacts,
  DiffusionFacts,
  EncoderFacts,
  ModelFacts,
  RestorationFacts,
  SpeechFacts,
  VisionFacts,
} from './model-facts.ts';

export type { Linear };
export { linearsOf };

interface ParameterCounts {
  /** Per block: matrices, and norms and biases. */
  readonly blockMatrices: number;
  readonly blockVectors: number;
  /** All that is before the blocks, such as the tables of an encoder, and their norm. */
  readonly embedding: number;
  /** 0 if the head is tied to the embedding. */
  readonly head: number;
  /** Before the head, where it is no part of it. */
  readonly finalNorm: number;
  readonly total: number;
}

export function parametersOf(facts: ModelFacts): ParameterCounts {
  const blockMatrices = perBlock(linearsOf(facts), (linear) => linear.out * linear.in);
  const { blockVectors, embedding, head, finalNorm } = othersOf(facts);
  const inBlocks = Math.round(facts.L * (blockMatrices + blockVectors));
  const total = embedding + head + finalNorm + inBlocks;
  return { blockMatrices, blockVectors, embedding, head, finalNorm, total };
}

type OtherCounts = Omit<ParameterCounts, 'blockMatrices' | 'total'>;

function othersOf(facts: ModelFacts): OtherCounts {
  switch (facts.kind) {
    case 'decoder':
      return ofDecoder(facts);
    case 'encoder':
      return ofEncoder(facts);
    case 'vision':
      return ofVision(facts);
    case 'diffusion':
      return ofDiffusion(facts);
    case 'restoration':
      return ofRestoration(facts);
    case 'speech':
      return ofSpeech(facts);
  }
}

function ofDecoder(facts: DecoderFacts): OtherCounts {
  const { V, H, NH, NK, D, I, tied, bias } = facts;
  const norms = (facts.sandwichNorms ? 4 : 2) * H + (facts.qkNorm ? 2 * D : 0);
  const biases = (bias.qkv ? (NH + 2 * NK) * D : 0) + (bias.o ? H : 0) + (bias.mlp ? 2 * I + H : 0);
  const blockVectors = norms + biases;
  return { blockVectors, embedding: V * H, head: tied ? 0 : V * H, finalNorm: H };
}

/** Two norms and six biases in a block; the head is a square layer and the classes. */
function ofEncoder({ H, I, inlet, classes }: EncoderFacts): OtherCounts {
  const head = H * (H + 1) + classes * (H + 1);
  return { blockVectors: 2 * 2 * H + 5 * H + I, embedding: inlet, head, finalNorm: 0 };
}

/** Two norms in a block, and biases; a last norm has a weight and a bias. */
function ofVision(facts: VisionFacts): OtherCounts {
  const { H, I, inlet, classes, headInputs, qkvBias, layerScale } = facts;
  const biases = (qkvBias ? 5 : 2) * H + I;
  return {
    blockVectors: (layerScale ? 6 : 4) * H + biases,
    ...{ embedding: inlet, head: classes * (headInputs + 1), finalNorm: 2 * H },
  };
}

/** Biases alone: its norms have neither weights nor biases. What follows the blocks is the head. */
function ofDiffusion({ H, I, inlet, values, attentionBias }: DiffusionFacts): OtherCounts {
  const biases = (attentionBias ? 3 * H : 0) + 6 * H + 2 * H + I;
  const head = (2 * H + values) * (H + 1);
  return { blockVectors: biases, embedding: inlet, head, finalNorm: 0 };
}

/**
 * A norm before each part of a block, and biases of all layers but keys; a block is one of average
 * size. Before the blocks are those of the encoder and of the decoder, with the norm between them.
 */
function ofSpeech(facts: SpeechFacts): OtherCounts {
  const { V, L, H, I, encoderBlocks, mels, sourcePositions, targetPositions } = facts;
  const inEncoder = 2 * 2 * H + 4 * H + I;
  const inDecoder = inEncoder + 2 * H + 3 * H;
  const convolutions = 3 * H * (mels + H) + 2 * H;
  return {
    blockVectors: (encoderBlocks * inEncoder + (L - encoderBlocks) * inDecoder) / L,
    embedding: convolutions + (sourcePositions + V + targetPositions + 2) * H,
    ...{ head: 0, finalNorm: 2 * H },
  };
}

/** Values of the matrices that each target row passes behind the blocks. */
export function headMatrix(facts: ModelFacts): number {
  switch (facts.kind) {
    case 'decoder':
    case 'speech':
      return facts.V * facts.H;
    case 'encoder':
      return (facts.classes + facts.H) * facts.H;
    case 'vision':
      return facts.classes * facts.headInputs;
    case 'diffusion':
      return (2 * facts.H + facts.patches * facts.values) * facts.H;
    case 'restoration':
      return facts.pixelValues * facts.H * facts.kernel ** 2;
  }
}

/** A bias and slopes of each convolution of a block; the head is one of them. */
function ofRestoration({ H, kernel, convolutions, inlet, pixelValues }: RestorationFacts) {
  const head = pixelValues * (H * kernel ** 2 + 1);
  return { blockVectors: convolutions.length * 2 * H, embedding: inlet, head, finalNorm: 0 };
}

/** Outputs of each target row: logits, or values of pixels. */
export function outputsOf(facts: ModelFacts): number {
  switch (facts.kind) {
    case 'decoder':
    case 'speech':
      return facts.V;
    case 'encoder':
    case 'vision':
      return facts.classes;
    case 'diffusion':
      return facts.patches * facts.values;
    case 'restoration':
      return facts.pixelValues;
  }
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
