// Memory of quantizing a result block by block, beside the model: the integers of all blocks, the
// states of the sequences that pass, and what one matrix takes.
import {
  groupSizeOf,
  isCalibrated,
  isReconstructed,
  isTransformed,
  type Quantization,
} from '../api/quantization.ts';
import { UserError } from '../failures/errors.ts';
import { linearsOf } from '../methods/linears.ts';
import { blockBytes } from './block-bytes.ts';
import type { DecoderFacts } from './decoder-facts.ts';
import { forwardWorking } from './forward-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { valueBytes } from './static-bytes.ts';
import { requireWholeGroups, requireWholeWords } from './whole-groups.ts';

/** While integers are made, beside the model. */
export function quantizeBytes(question: MemoryQuestion): number {
  const { facts, method, stages } = question;
  const own = stages?.quantization;
  if (own === undefined) return 0;
  const { ofMatrix } = memoryConstants.quantize;
  if (!isCalibrated(own)) return integerBytes(question) + ofMatrix * 4 * largest(facts);
  const width = valueBytes(method);
  const walks = isReconstructed(own) ? 2 : 1;
  const states = walks * own.calibrationSequences * own.tokens * facts.H * width;
  // What products read in place of the matrices of a block.
  const block = valuesIn(facts);
  const make = { AdaQuant: training, CBQ: windowed, GPTQ: solving, RoundToNearest: solving };
  const making = integerBytes(question) + states + width * block;
  const chosen = own.averageBits === undefined ? 0 : choosing(question, own);
  return Math.max(chosen, making + make[own.method](question, own));
}

/** Of a block: its matrices in float32, and as products read them, before there are integers. */
function choosing(question: MemoryQuestion, own: Asked): number {
  const { facts, method } = question;
  const width = valueBytes(method);
  const states = 2 * Math.min(8, own.calibrationSequences) * own.tokens * facts.H * width;
  const grams = inputsOf(facts).reduce((sum, size) => sum + 4 * size ** 2, 0);
  const matrix = memoryConstants.quantize.ofMatrix * 4 * largest(facts);
  const working = Math.max(forwardWorking(question, own.tokens), matrix);
  return states + grams + (4 + width) * valuesIn(facts) + working;
}

function valuesIn(facts: DecoderFacts): number {
  return linearsOf(facts).reduce((sum, linear) => sum + linear.out * linear.in, 0);
}

type Asked = NonNullable<NonNullable<MemoryQuestion['stages']>['quantization']>;

/** Inputs of the linear layers of a block, each once. */
function inputsOf({ H, NH, D, I }: DecoderFacts): readonly number[] {
  return [H, NH * D, H, I];
}

function solving(question: MemoryQuestion, own: Asked): number {
  const { facts } = question;
  const { perValue, ofMatrix } = memoryConstants.quantize;
  const sizes = inputsOf(facts);
  const grams = sizes.reduce((sum, size) => sum + 4 * size ** 2, 0);
  const inverse = own.method === 'GPTQ' ? perValue * Math.max(...sizes) ** 2 : 0;
  const matrix = ofMatrix * 4 * largest(facts);
  const passing = forwardWorking(question, own.tokens) + roundedInputBytes(question, own.tokens);
  const { kept, trying } = transformBytes(facts, own);
  return kept + Math.max(passing, grams + Math.max(inverse, trying) + matrix);
}

/** Sums of the inputs in two models, of tokens that train and of others. */
function training(question: MemoryQuestion, own: Asked): number {
  const { facts, method } = question;
  const sizes = inputsOf(facts);
  const sums = 4 * sizes.reduce((sum, size) => sum + 4 * size ** 2, 0);
  const seen = sizes.reduce((sum, size) => sum + own.tokens * size * valueBytes(method), 0);
  const matrix = memoryConstants.quantize.ofTrained * 4 * largest(facts);
  const passing = forwardWorking(question, own.tokens) + roundedInputBytes(question, own.tokens);
  return sums + Math.max(passing + seen, matrix);
}

/**
 * Of a window: matrices and sums of their gradients in float32, and in the type of the model what
 * products read and the gradients of a sequence; its tapes, or an update.
 */
function windowed(question: MemoryQuestion, own: Asked): number {
  const { facts, method } = question;
  const blocks = Math.min(own.window, facts.L);
  const { tape, backwardWorking } = blockBytes({ ...question, microBatchTokens: own.tokens });
  const kept = blocks * (2 * 4 + 2 * valueBytes(method)) * valuesIn(facts);
  const matrix = memoryConstants.quantize.ofMatrix * 4 * largest(facts);
  return (
    kept - valueBytes(method) * valuesIn(facts) + Math.max(blocks * tape + backwardWorking, matrix)
  );
}

/**
 * While the widest input of a block is rounded: itself, its steps on the grid, and their values.
 */
export function roundedInputBytes(
  { facts, method, stages }: MemoryQuestion,
  tokens: number,
): number {
  const activations = stages?.quantization?.activations ?? 'None';
  if (activations === 'None') return 0;
  const { H, NH, D, I } = facts;
  return 3 * tokens * Math.max(H, NH * D, I) * valueBytes(method);
}

/**
 * Of transforms that are searched for, in float32: rows of all inputs of a block that are kept, and
 * what a trial takes: the layers that read one input, and its outputs.
 */
function transformBytes(facts: DecoderFacts, own: Quantization) {
  if (!isTransformed(own)) return { kept: 0, trying: 0 };
  const rows = memoryConstants.quantize.trialRows + own.calibrationSequences;
  const inputs = 2 * facts.H + facts.NH * facts.D + facts.I;
  const most = Math.max(...linearsOf(facts).map(({ out }) => out));
  return {
    kept: 4 * rows * inputs,
    trying: 4 * (2 * largest(facts) + rows * (facts.I + 2 * most)),
  };
}

/** Of a branch of low rank beside the integers, in float32: all blocks. */
export function branchBytes({ facts, stages }: MemoryQuestion): number {
  const rank = stages?.quantization?.lowRank ?? 0;
  const values = linearsOf(facts).reduce(
    (sum, { out, in: inputs }) => sum + Math.min(rank, out, inputs) * (out + inputs),
    0,
  );
  return memoryConstants.adapterBytes * facts.L * values;
}

/**
 * Of the codes of all blocks: a byte each, and scales and zero points in float32; and what is
 * beside them.
 */
export function integerBytes(question: MemoryQuestion): number {
  const { facts, stages } = question;
  const own = stages?.quantization;
  if (own === undefined) return 0;
  const linears = linearsOf(facts);
  const group = groupSizeOf(own);
  const path = 'spec.output.quantization.groupSize';
  requireWholeGroups(linears, { path, group, instead: 'strategy: Channel' });
  requireWholeWords(linears, stages?.formats ?? []);
  requireSplittable(facts, own);
  const ofGroup = own.weights === 'Integer' && own.range === 'Asymmetric' ? 8 : 4;
  // Those of FP4 are kept as rows.
  const groups = groupsOf(facts, own.weights === 'FP4' ? undefined : group);
  return facts.L * (valuesIn(facts) + ofGroup * groups) + branchBytes(question);
}

/** Channels that are split have no bias to split with them. */
export function requireSplittable(
  { bias }: Pick<DecoderFacts, 'bias'>,
  { splitChannels }: Pick<Quantization, 'splitChannels'>,
): void {
  if (splitChannels === 0 || !bias.mlp) return;
  const path = 'spec.output.quantization.splitChannels';
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${splitChannels}, but the MLPs of this model have biases, which are not split`,
    path,
    value: splitChannels,
    hint: 'leave it out',
  });
}

function groupsOf(facts: DecoderFacts, group: number | undefined): number {
  return linearsOf(facts).reduce(
    (sum, linear) => sum + (linear.out * linear.in) / (group ?? linear.in),
    0,
  );
}

function largest(facts: DecoderFacts): number {
  return Math.max(...linearsOf(facts).map((linear) => linear.out * linear.in));
}
