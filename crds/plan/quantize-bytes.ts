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
import { byInput, largestLinear, linearsOf } from '../methods/linears.ts';
import { blockBytes } from './block-bytes.ts';
import { forwardWorking } from './forward-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import type { ModelFacts } from './model-facts.ts';
import { parametersOf } from './parameters.ts';
import { valueBytes } from './static-bytes.ts';
import { requireWholeGroups, requireWholeWords } from './whole-groups.ts';

/** While integers are made, beside the model. */
export function quantizeBytes(question: MemoryQuestion): number {
  const { facts, method, stages } = question;
  const own = stages?.quantization;
  if (own === undefined) return 0;
  if (!isCalibrated(own)) return bytesOfCodes(question) + matrixBytes(facts);
  const width = valueBytes(method);
  const walks = isReconstructed(own) ? 2 : 1;
  const states = walks * own.calibrationSequences * own.tokens * facts.H * width;
  const make = { AdaQuant: training, CBQ: windowed, GPTQ: solving, RoundToNearest: solving };
  // What products read in place of the matrices of a block.
  const making = bytesOfCodes(question) + states + width * parametersOf(facts).blockMatrices;
  const chosen = own.averageBits === undefined ? 0 : choosing(question, own);
  return Math.max(chosen, making + make[own.method](question, own));
}

/** Of a block: its matrices in float32, and as products read them, before there are integers. */
function choosing(question: MemoryQuestion, own: Asked): number {
  const { facts, method } = question;
  const width = valueBytes(method);
  const sequences = Math.min(memoryConstants.quantize.trialSequences, own.calibrationSequences);
  const states = 2 * sequences * own.tokens * facts.H * width;
  const working = Math.max(forwardWorking(question, own.tokens), matrixBytes(facts));
  const block = (4 + width) * parametersOf(facts).blockMatrices;
  return states + gramBytes(facts) + block + working;
}

type Asked = NonNullable<NonNullable<MemoryQuestion['stages']>['quantization']>;

/** Inputs of the linear layers of a block, each once. */
function inputsOf(facts: ModelFacts): readonly number[] {
  return byInput(linearsOf(facts)).map(([first]) => first?.in ?? 0);
}

/** Of the inputs of a block, in float32. */
export function gramBytes(facts: ModelFacts): number {
  return inputsOf(facts).reduce((sum, size) => sum + 4 * size ** 2, 0);
}

/** Of the largest matrix while it becomes codes, in so many copies of float32. */
export function matrixBytes(facts: ModelFacts, copies = memoryConstants.quantize.ofMatrix): number {
  return copies * 4 * largestLinear(facts);
}

function solving(question: MemoryQuestion, own: Asked): number {
  const { facts } = question;
  const { perValue } = memoryConstants.quantize;
  const inverse = own.method === 'GPTQ' ? perValue * Math.max(...inputsOf(facts)) ** 2 : 0;
  const passing = forwardWorking(question, own.tokens) + roundedInputBytes(question, own.tokens);
  const { kept, trying } = transformBytes(facts, own);
  const working = gramBytes(facts) + Math.max(inverse, trying) + matrixBytes(facts);
  return kept + Math.max(passing, working);
}

/** Sums of the inputs in two models, of tokens that train and of others. */
function training(question: MemoryQuestion, own: Asked): number {
  const { facts, method } = question;
  const width = valueBytes(method);
  const seen = inputsOf(facts).reduce((sum, size) => sum + own.tokens * size * width, 0);
  const matrix = matrixBytes(facts, memoryConstants.quantize.ofTrained);
  const passing = forwardWorking(question, own.tokens) + roundedInputBytes(question, own.tokens);
  return 4 * gramBytes(facts) + Math.max(passing + seen, matrix);
}

/**
 * Of a window: matrices in float32, and what its updates take. What products read of one block is
 * counted by who calls.
 */
function windowed(question: MemoryQuestion, own: Asked): number {
  const { facts, method } = question;
  const blocks = Math.min(own.window, facts.L);
  const kept =
    (blocks * (4 + valueBytes(method)) - valueBytes(method)) * parametersOf(facts).blockMatrices;
  return kept + windowBytes(question, { tokens: own.tokens, blocks });
}

/**
 * Of an update of so many blocks: sums of gradients in float32 and those of a sequence in the type
 * of the model; tapes, or what an update of a matrix takes.
 */
export function windowBytes(
  question: MemoryQuestion,
  { tokens, blocks }: { readonly tokens: number; readonly blocks: number },
): number {
  const { facts, method } = question;
  const { tape, backwardWorking } = blockBytes({ ...question, microBatchTokens: tokens });
  const gradients = blocks * (4 + valueBytes(method)) * parametersOf(facts).blockMatrices;
  return gradients + Math.max(blocks * tape + backwardWorking, matrixBytes(facts));
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
  return 3 * tokens * Math.max(...inputsOf(facts)) * valueBytes(method);
}

/**
 * Of transforms that are searched for, in float32: rows of all inputs of a block that are kept, and
 * what a trial takes: the layers that read one input, and its outputs.
 */
function transformBytes(facts: ModelFacts, own: Quantization) {
  if (!isTransformed(own)) return { kept: 0, trying: 0 };
  const rows = memoryConstants.quantize.trialRows + own.calibrationSequences;
  const inputs = inputsOf(facts).reduce((sum, size) => sum + size, 0);
  const most = Math.max(...linearsOf(facts).map(({ out }) => out));
  return {
    kept: 4 * rows * inputs,
    trying: 4 * (2 * largestLinear(facts) + rows * (facts.I + 2 * most)),
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
export function bytesOfCodes(question: MemoryQuestion): number {
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
  return facts.L * (parametersOf(facts).blockMatrices + ofGroup * groups) + branchBytes(question);
}

/** Channels that are split have no bias to split with them. */
export function requireSplittable(
  facts: ModelFacts,
  { splitChannels }: Pick<Quantization, 'splitChannels'>,
): void {
  if (splitChannels === 0 || (facts.kind === 'decoder' && !facts.bias.mlp)) return;
  const path = 'spec.output.quantization.splitChannels';
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `${path} is ${splitChannels}, but the MLPs of this model have biases, which are not split`,
    path,
    value: splitChannels,
    hint: 'leave it out',
  });
}

function groupsOf(facts: ModelFacts, group: number | undefined): number {
  return linearsOf(facts).reduce(
    (sum, linear) => sum + (linear.out * linear.in) / (group ?? linear.in),
    0,
  );
}
