// Memory of the process that writes the result: the trained model and its logits, plus either the
// workspace of one format, or the copy that was read back with its logits, or with what an
// evaluation of both takes. Formats are written one after the other, and the memory of one is
// released before the next.
import { isCalibrated } from '../api/quantization.ts';
import { answerTokens, instructionTokens } from '../evaluation/instructions.ts';
import { adapterShape, changesBase } from '../methods/adapter-traits.ts';
import { codedForm } from '../methods/coded.ts';
import { largestLinear, linearSizes } from '../methods/linears.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import { isAdapterForm, isIntegerForm } from '../names/result-folders.ts';
import { changeFactors, madeMatrices } from './block-bytes.ts';
import { codebookCodes } from './codebook-bytes.ts';
import { decodingBytes } from './decoding-bytes.ts';
import { forwardWorking } from './forward-bytes.ts';
import { isOnGrid } from './grid-bytes.ts';
import { countsOf } from './kinds/counts.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion, ResultForm } from './memory-question.ts';
import { adaptedLinears, factorValues, parametersOf, trainedOf } from './parameters.ts';
import { prunedSizes } from './pruned-sizes.ts';
import { branchBytes, bytesOfCodes, quantizeBytes, roundedInputBytes } from './quantize-bytes.ts';
import { storesFrozen } from './quantized-base.ts';
import { type StagePeak, stagePeak } from './stage-peak.ts';
import { adapted, staticBytes, valueBytes } from './static-bytes.ts';

const { publish } = memoryConstants;

/** None if nothing is published. */
export function publishStage(question: MemoryQuestion): readonly StagePeak[] {
  const formats = question.stages?.formats ?? [];
  if (formats.length === 0) return [];
  const weights = modelBytes(question);
  const beside = Math.max(
    loadingBytes(question),
    answeringBytes(question),
    ...formats.map((format) => besideModel(question, format)),
  );
  // For instructions, from the first answer to the last.
  const tokenizer =
    question.stages?.instructions === undefined
      ? 0
      : question.facts.V * memoryConstants.tokenizerBytesPerToken;
  return [
    stagePeak('Publish', {
      ...{ weights, optimizer: 0, gradients: 0, activations: 0 },
      workspace: publish.context + tokenizer + beside,
    }),
  ];
}

/** The whole model, even if several ranks trained it. */
function modelBytes(question: MemoryQuestion): number {
  return staticBytes({ ...question, shards: 1 }).weights;
}

/** The last matrix that is quantized, as in its file. */
function loadingBytes({ facts, method, storedBfloat16 = 0 }: MemoryQuestion): number {
  return isQuantized(method) ? (storedBfloat16 > 0 ? 2 : 4) * largestLinear(facts) : 0;
}

function besideModel(question: MemoryQuestion, format: ResultForm): number {
  const { writing, compared } = formBytes(question, format);
  const scoring = Math.max(scoringBytes(question), answeringBytes(question));
  const read = Math.max(compared, copyBytes(question, format) + scoring);
  return Math.max(writing, read - leftByWriting(question, format));
}

/**
 * The largest sequence that both models read, one after the other: their states of its tokens, and
 * either the work of a block or logits of both, with one copy while probabilities are made.
 */
function scoringBytes(question: MemoryQuestion): number {
  const { facts, method, stages } = question;
  const tokens = stages?.scoredTokens ?? 0;
  if (tokens === 0) return 0;
  const width = valueBytes(method);
  const states = tokens * facts.H * width;
  const rows = Math.min(tokens, publish.tokens);
  const logits = 3 * 4 * rows * countsOf(facts).outputs;
  const passing = forwardWorking({ facts, method }, tokens) + roundedInputBytes(question, tokens);
  return 2 * states + Math.max(2 * states + passing, logits);
}

/** Instructions that a file answers. */
function answeringBytes(question: MemoryQuestion): number {
  const prompts = question.stages?.instructions ?? 0;
  if (prompts === 0) return 0;
  const { activations, working } = decodingBytes(
    question,
    prompts,
    instructionTokens + answerTokens,
  );
  return activations + working;
}

interface FormBytes {
  readonly writing: number;
  readonly compared: number;
}

/** In addition to the model, at both moments. */
function formBytes(question: MemoryQuestion, format: ResultForm): FormBytes {
  const { facts, method } = question;
  const width = valueBytes(method);
  const columns = countsOf(facts).outputs;
  const logits = 4 * publish.tokens * columns;
  // In the type of the model, before they are float32.
  const narrow = width === 4 ? 0 : width * publish.tokens * columns;
  const compared = Math.min(publish.tokens * columns, Math.max(columns, publish.comparedValues));
  const comparing = 8 * publish.comparedTensors * compared;
  // Dequantized for the logits of the model, and for those of the copy.
  const block = madeMatrices(facts, method);
  return {
    writing: logits + narrow + Math.max(block, writingBytes(question, format)),
    compared:
      copyBytes(question, format) +
      (isIntegerForm(format) ? bytesOfCodes(question) : 0) +
      // The bound on rounding is computed from a third set of logits; a pruned model is compared
      // with logits of its own.
      ((isRounded(question, format) ? 3 : 2) + (question.stages?.pruning ? 1 : 0)) * logits +
      Math.max(narrow, comparing, block),
  };
}

/**
 * Rows at a time; only the values of a quantized tensor and the tables of a vocabulary exist as a
 * whole.
 */
function writingBytes(question: MemoryQuestion, format: ResultForm): number {
  const { facts, method } = question;
  if (isAdapterForm(format)) return 0;
  const largest = largestLinear(facts);
  const cut = question.stages?.pruning;
  if (cut !== undefined) {
    // A matrix in float32 and its squares; before, a sequence that passes the blocks.
    const chosen = Math.max(publish.panelBytes, 8 * largest);
    return cut.calibrationSequences === 0
      ? chosen
      : Math.max(chosen, passingBytes(question, cut.tokens));
  }
  if (format === 'AQLM') {
    return publish.panelBytes + publish.codeBytes * codebookCodes(largest, method);
  }
  if (isIntegerForm(format)) {
    const own = question.stages?.quantization;
    const program = own !== undefined && isCalibrated(own) ? publish.calibrating : 0;
    return Math.max(publish.panelBytes + publish.packing, program + quantizeBytes(question));
  }
  const shapes = [...new Set(linearSizes(facts))].reduce((sum, one) => sum + one, 0);
  const whole = isQuantized(method) ? 4 : isOnGrid(method) ? valueBytes(method) : 0;
  const made = codedForm(method) === 'Groups' ? 4 * shapes : whole * largest;
  const tables = format === 'GGUF' ? facts.V * publish.vocabularyBytesPerToken : 0;
  const factors = Math.max(0, ...changeFactors(facts, method));
  const writing = tables + made + publish.panelBytes + 2 * memoryConstants.adapterBytes * factors;
  const tokens = format === 'GGUF' ? (question.stages?.ggufTokens ?? 0) : 0;
  return tokens === 0 ? writing : Math.max(writing, passingBytes(question, tokens));
}

/** A sequence that passes the blocks: its states, twice for a block, and squares of all inputs. */
function passingBytes(question: MemoryQuestion, tokens: number): number {
  const { facts, method } = question;
  return 2 * tokens * facts.H * valueBytes(method) + forwardWorking(question, tokens);
}

function isQuantized({ base }: ResolvedMethod): boolean {
  return storesFrozen(base);
}

/**
 * Matrices that an adapter was merged into were read again from their file, whose pages are
 * released.
 */
function leftByWriting(question: MemoryQuestion, format: ResultForm): number {
  const { facts, method, storedBfloat16 = 0 } = question;
  if (isAdapterForm(format) || method.base.type !== 'Dense' || changesBase(method)) return 0;
  return 2 * Math.min(storedBfloat16, adapted(facts, method));
}

function copyBytes(question: MemoryQuestion, format: ResultForm): number {
  const { facts, method, stages, storedBfloat16 = 0 } = question;
  if (isAdapterForm(format)) {
    const { adapterTaken, modules } = trainedOf(facts, method);
    const isOnOwnBase = !changesBase(method) || format === 'KaSA';
    const taken = isOnOwnBase ? 0 : adapterTaken;
    const saved = factorValues(facts, method) + taken + facts.L * onesInFile(question);
    const shared = adapterShape(method, facts)?.multipliedOut?.shared ?? 0;
    const factors =
      memoryConstants.adapterBytes * saved + 2 * shared + modules * valueBytes(method);
    if (isOnOwnBase) return factors;
    // On the base as its files have it; matrices keep their 16 bits.
    const { total } = parametersOf(facts);
    const narrow = valueBytes(method) === 4 ? 2 * Math.min(storedBfloat16, total) : 0;
    return factors + total * valueBytes(method) - narrow;
  }
  const cut = stages?.pruning;
  const sizes = cut === undefined ? facts : { ...facts, ...prunedSizes(facts, cut) };
  const { total, embedding, head, blockMatrices } = parametersOf(sizes);
  const width = valueBytes(method);
  const isBfloat16 = format === 'GGUF' && stages?.ggufType === 'BF16';
  const beside = format === 'CompressedTensors' ? branchBytes(question) : 0;
  if (!isBfloat16 || width === 2) return total * width + beside;
  // Matrices keep the 16 bits of the file.
  const matrices = embedding + head + facts.L * blockMatrices;
  return 2 * total + 2 * (total - matrices);
}

/** In a block. */
function onesInFile({ facts, method }: MemoryQuestion): number {
  const shape = adapterShape(method, facts);
  if (shape?.ones === undefined) return 0;
  const adapted = adaptedLinears(facts, shape.targetModules);
  return adapted.reduce((sum, linear) => sum + (shape.ones?.(linear) ?? 0), 0);
}

function isRounded({ method, stages }: MemoryQuestion, format: ResultForm): boolean {
  // Where ranks of layers differ, the scale is in B.
  if (isAdapterForm(format)) return format === 'GGUFAdapter' || changesBase(method);
  const isMerged = method.adapter.type !== 'None' && !isOnGrid(method);
  if (isIntegerForm(format)) return stages?.quantization !== undefined;
  if (stages?.pruning !== undefined) return true;
  return format === 'GGUF' || (format === 'MergedSafetensors' && isMerged);
}
