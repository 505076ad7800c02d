// What a run needs apart from training steps: evaluation and answers to prompts, which happen in the same process beside the state
// of the optimizer, and the publishing of the result: a process of its own that holds the trained model and what was read back.
import { codedForm } from '../methods/coded.ts';
import { madeOfCodes } from './block-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion, ResultForm } from './memory-question.ts';
import { linearsOf, parametersOf, trainedOf } from './parameters.ts';
import { sharedBytes } from './shared-bytes.ts';
import { staticBytes, valueBytes } from './static-bytes.ts';

export type StageName = 'Step' | 'Evaluate' | 'Sample' | 'Publish';

export interface MemoryParts {
  readonly weights: number;
  readonly optimizer: number;
  readonly gradients: number;
  readonly activations: number;
  readonly workspace: number;
}

export interface StagePeak {
  readonly stage: StageName;
  readonly parts: MemoryParts;
  /** The sum of the parts. */
  readonly peak: number;
}

/** Those that the job has. Results are written on a processor, so they do not count on another device. */
export function otherStages(question: MemoryQuestion): readonly StagePeak[] {
  const { evaluationTokens, sampleTokens, formats = [] } = question.stages ?? {};
  const publish = question.device.type === 'cpu' ? formats : [];
  return [
    ...(evaluationTokens === undefined ? [] : [evaluate(question, evaluationTokens)]),
    ...(sampleTokens === undefined ? [] : [sample(question, sampleTokens)]),
    ...publish.map((format) => publishAs(question, format)).reduce(larger, []),
  ];
}

/** What a tokenizer takes in JavaScript; only jobs that ask the model something load one to train. */
export function tokenizerBytes({ facts, stages }: MemoryQuestion): number {
  return stages?.sampleTokens === undefined ? 0 : facts.V * memoryConstants.tokenizerBytesPerToken;
}

export function stagePeak(stage: StageName, parts: MemoryParts): StagePeak {
  const whole: MemoryParts = {
    weights: Math.ceil(parts.weights),
    optimizer: Math.ceil(parts.optimizer),
    gradients: Math.ceil(parts.gradients),
    activations: Math.ceil(parts.activations),
    workspace: Math.ceil(parts.workspace),
  };
  return { stage, parts: whole, peak: Object.values(whole).reduce((sum, part) => sum + part, 0) };
}

/** One bin after the other, without a tape: the stream into a block and out of it, and the head without a gradient. */
function evaluate(question: MemoryQuestion, tokens: number): StagePeak {
  const { facts, method } = question;
  const { head } = memoryConstants;
  const width = valueBytes(method);
  const rows = Math.max(head.fewestRows, Math.min(head.mostRows, head.bytes / (4 * facts.V)));
  const logits = Math.min(rows, tokens) * facts.V * 4 + 2 * tokens * facts.H * width;
  return inTraining(question, 'Evaluate', {
    activations: 2 * tokens * facts.H * width,
    working: Math.max(logits + sharedBytes(question).vocabulary, forwardWorking(question, tokens)),
  });
}

/** Keys and values of all blocks, and the logits of one token in float32. */
function sample(question: MemoryQuestion, tokens: number): StagePeak {
  const { facts, method, shards, stages } = question;
  const atOnce = shards === 1 ? 1 : (stages?.prompts ?? 1);
  const width = valueBytes(method);
  return inTraining(question, 'Sample', {
    activations: atOnce * facts.L * 2 * tokens * facts.NK * facts.D * width,
    working: forwardWorking(question, tokens) + 4 * facts.V * 4 + sharedBytes(question).vocabulary,
  });
}

function inTraining(
  question: MemoryQuestion,
  stage: StageName,
  { activations, working }: { readonly activations: number; readonly working: number },
): StagePeak {
  const { weights, optimizer, codes } = staticBytes(question);
  const { context } = memoryConstants[question.device.type];
  const { blocks } = sharedBytes(question);
  const workspace = working + blocks + context + tokenizerBytes(question);
  return stagePeak(stage, {
    ...{ weights: weights + codes, optimizer },
    ...{ gradients: 0, activations, workspace },
  });
}

function forwardWorking({ facts, method }: MemoryQuestion, tokens: number): number {
  const { forward } = memoryConstants.working;
  const { H, NH, NK, D, I } = facts;
  const values =
    forward.H * H + forward.headsD * NH * D + forward.keyValueD * NK * D + forward.I * I;
  return tokens * valueBytes(method) * values + madeOfCodes(facts, method);
}

/** The trained model, what was read back beside it, and the larger of what writing and comparing need. */
function publishAs(question: MemoryQuestion, format: ResultForm): StagePeak {
  const { facts, method } = question;
  const { publish } = memoryConstants;
  const { weights } = staticBytes({ ...question, shards: 1 });
  const { adapter } = trainedOf(facts, method);
  const { total, embedding } = parametersOf(facts);
  const width = valueBytes(method);
  const copy = format === 'PEFTAdapter' ? adapter * 4 : total * width;
  const matrices = linearsOf(facts).map((linear) => linear.out * linear.in);
  const matrix = Math.max(embedding, ...matrices);
  // A block that is made whole of codes, and the float32 numbers of a matrix of each shape on the way; gone when logits are compared.
  const made =
    madeOfCodes(facts, method) +
    (codedForm(method) === 'Groups' ? 4 : 0) *
      [...new Set(matrices)].reduce((sum, one) => sum + one, 0);
  const written = format === 'PEFTAdapter' ? adapter * 4 : matrix * publish.bytesPerValue[format];
  const compared = publish.tokens * facts.V * (width + 2 * 4) + publish.rows * facts.V * 8 * 8;
  return stagePeak('Publish', {
    weights,
    optimizer: 0,
    gradients: 0,
    activations: 0,
    workspace:
      memoryConstants.cpu.context +
      (format === 'PEFTAdapter' ? 0 : facts.V * memoryConstants.tokenizerBytesPerToken) +
      Math.max(written + made, copy + Math.max(made, compared)),
  });
}

function larger(known: readonly StagePeak[], one: StagePeak): StagePeak[] {
  const [before] = known;
  return [before === undefined || one.peak > before.peak ? one : before];
}
