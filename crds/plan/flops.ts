// Floating-point operations per token (a multiply-add counts as two). Used for times in `estimate`
// and for the share of the device's peak in telemetry.
import { adapterShape } from '../methods/adapter-traits.ts';
import { isOfMlp, linearsOf, rowsPerToken } from '../methods/linears.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { changedMatrices } from './block-bytes.ts';
import { countsOf } from './kinds/counts.ts';
import { areOfPatches, type ModelFacts } from './model-facts.ts';
import {
  adaptedLinears,
  factorValues,
  type Linear,
  parametersOf,
  type TrainedCounts,
  trainedOf,
} from './parameters.ts';

export interface FlopsPerToken {
  readonly forward: number;
  /** Gradients of inputs, all blocks. */
  readonly inputGradients: number;
  /** Gradients of trained parameters. */
  readonly weightGradients: number;
  /** Second forward of the blocks that are recomputed. */
  readonly recompute: number;
  /** Head of the target tokens: logits and their gradient. */
  readonly head: number;
  readonly total: number;
}

interface FlopsQuestion {
  readonly facts: ModelFacts;
  readonly method: ResolvedMethod;
  /** Tokens that a token attends to on average: half a document's length for causal attention. */
  readonly meanAttended: number;
  /** Share of the blocks that are recomputed. */
  readonly recomputedShare: number;
  /** Share of target tokens: only they pass the head. */
  readonly targetShare: number;
  /** Of a model that hears: tokens of its encoder for each token. @default 0 */
  readonly soundTokens?: number;
  /** Of a model that compares pictures with texts: tokens of texts for each token. @default 0 */
  readonly textTokens?: number;
}

export function flopsPerToken(question: FlopsQuestion): FlopsPerToken {
  const { facts, method, recomputedShare, targetShare } = question;
  const { blockMatrices } = parametersOf(facts);
  const trained = trainedOf(facts, method);
  // Changes that are multiplied out pass no token: gradients are those of the weights.
  const changed = facts.L * changedMatrices(facts, method).reduce((sum, one) => sum + one, 0);
  const again = passedAgain(question);
  const adapter = changed > 0 ? 0 : factorValues(facts, method) - again.idle;
  const linears = facts.L * blockMatrices + again.weights;
  const attention = 4 * facts.NH * facts.D * attendedInBlocks(question);
  const forward = 2 * (linears + adapter + inletMatrix(facts)) + attention;
  // The backward of attention costs twice its forward, and all of it goes to inputs.
  const inputGradients = passedShare(facts.L, trained) * (2 * (linears + adapter) + 2 * attention);
  const trainedMatrices = (adapter || changed || linears) * (trained.activeBlocks / facts.L);
  const weightGradients = 2 * (trainedMatrices + (trained.embedding ? inletMatrix(facts) : 0));
  const recompute = recomputedShare * (forward - 2 * inletMatrix(facts));
  const head = targetShare * countsOf(facts).headMatrix * (trained.head ? 6 : 4);
  return {
    forward,
    inputGradients,
    weightGradients,
    recompute,
    head,
    total: forward + inputGradients + weightGradients + recompute + head,
  };
}

/** Values of the matrix that makes a patch of a picture a token. */
function inletMatrix(facts: ModelFacts): number {
  if (facts.kind === 'imageText') return facts.patch * facts.vision.H;
  return areOfPatches(facts) ? facts.patch * facts.H : 0;
}

/**
 * In a mixture a token passes `down_proj` once for each of its experts, and no other expert; some
 * layers are passed once for all tokens of a picture.
 */
function passedAgain(question: FlopsQuestion) {
  const { facts, method } = question;
  const shape = adapterShape(method, facts);
  if (shape?.experts === undefined) return passedOtherwise(question);
  const { count, chosen } = shape.experts;
  const ofExperts = adaptedLinears(facts, shape.targetModules)
    .filter(isOfMlp)
    .reduce((sum, linear) => sum + shape.count(linear).trained, 0);
  return {
    weights: facts.L * (chosen - 1) * facts.I * facts.H,
    idle: facts.L * ofExperts * (1 - chosen / count),
  };
}

/** Layers that have fewer rows than there are tokens, or more, as those of an encoder of sounds. */
function passedOtherwise({ facts, method, soundTokens = 0, textTokens = 0 }: FlopsQuestion) {
  const shape = adapterShape(method, facts);
  const rows = (linear: Linear) => {
    if (isOfTexts(facts, linear)) return textTokens;
    return isOfSounds(facts, linear) ? soundTokens : rowsPerToken(facts, linear);
  };
  const idle = (linear: Linear) => facts.L * linear.share * (1 - rows(linear));
  const weights = linearsOf(facts).map((one) => -idle(one) * one.out * one.in);
  const adapted = shape === null ? [] : adaptedLinears(facts, shape.targetModules);
  const own = (one: Linear) => shape?.factors?.(one) ?? shape?.count(one).trained ?? 0;
  const ofAdapter = adapted.map((one) => idle(one) * own(one));
  const total = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0);
  return { weights: total(weights), idle: total(ofAdapter) };
}

/** Whether its inputs are sounds, or states of the encoder of sounds. */
function isOfSounds(facts: ModelFacts, { path, role }: Linear): boolean {
  if (facts.kind !== 'speech') return false;
  return path.startsWith('model.encoder.') || role === 'cross_k' || role === 'cross_v';
}

/** Whether its inputs are texts that pictures are compared with. */
function isOfTexts(facts: ModelFacts, { path }: Linear): boolean {
  return facts.kind === 'imageText' && path.startsWith(`${facts.text.blocks}.`);
}

/**
 * For each token, the tokens that are attended to in all blocks; those of sounds see all. Texts of
 * classes are short: what their tokens attend to is little beside what they pass.
 */
function attendedInBlocks({ facts, meanAttended, soundTokens = 0 }: FlopsQuestion): number {
  if (facts.kind === 'imageText') return meanAttended * facts.vision.L;
  if (facts.kind !== 'speech') return meanAttended * facts.L;
  // As many tokens of a sound as of its text, times their ratio.
  const ofSound = 2 * meanAttended * soundTokens;
  const { encoderBlocks } = facts;
  return (
    encoderBlocks * soundTokens * ofSound + (facts.L - encoderBlocks) * (meanAttended + ofSound)
  );
}

/**
 * Share of the blocks that the backward passes through on average: down to the lowest active one,
 * unless the embedding is active too, or what blocks share. Of gamma blocks out of L, sampled
 * uniformly, the lowest is on average the (L + 1) / (gamma + 1)th.
 */
export function passedShare(
  blocks: number,
  { activeBlocks, embedding, shared }: TrainedCounts,
): number {
  if (embedding || shared > 0) return 1;
  return (blocks + 1 - (blocks + 1) / (activeBlocks + 1)) / blocks;
}
