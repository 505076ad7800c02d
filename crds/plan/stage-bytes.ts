// Memory of a run apart from training steps: evaluation and generation, in the same process beside
// the optimizer state, and publishing, in a separate process.
import { besideTensors } from './beside-tensors.ts';
import { codebooksStage } from './calibrated-codebook-bytes.ts';
import { decodingBytes } from './decoding-bytes.ts';
import { decomposeStage } from './decompose-bytes.ts';
import { forwardWorking } from './forward-bytes.ts';
import { integersStage } from './integer-base-bytes.ts';
import { countsOf } from './kinds/counts.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { pictureBytes } from './picture-bytes.ts';
import { publishStage } from './publish-bytes.ts';
import { sharedBytes } from './shared-bytes.ts';
import { heardBytes } from './speech-bytes.ts';
import { type StageName, type StagePeak, stagePeak } from './stage-peak.ts';
import { staticBytes, valueBytes } from './static-bytes.ts';
import { teachStage } from './teach-stage.ts';

/**
 * The stages of the job. Results are written on the processor, so they do not count on another
 * device.
 */
export function otherStages(question: MemoryQuestion): readonly StagePeak[] {
  const { evaluationTokens, sampleTokens } = question.stages ?? {};
  return [
    ...decomposeStage(question),
    ...integersStage(question),
    ...codebooksStage(question),
    ...teachStage(question),
    ...(evaluationTokens === undefined ? [] : [evaluate(question, evaluationTokens)]),
    ...(sampleTokens === undefined ? [] : [sample(question, sampleTokens)]),
    ...(question.device.type === 'cpu' ? publishStage(question) : []),
  ];
}

/**
 * JavaScript memory of a tokenizer; only jobs with prompts or sounds load one for training. None of
 * it is on another device.
 */
export function tokenizerBytes({ facts, stages, device }: MemoryQuestion): number {
  if (device.type === 'cuda') return 0;
  const isLoaded = stages?.sampleTokens !== undefined || facts.kind === 'speech';
  return isLoaded ? facts.V * memoryConstants.tokenizerBytesPerToken : 0;
}

/**
 * One sequence after the other, without a tape: input and output of a block, and the head without a
 * gradient.
 */
function evaluate(question: MemoryQuestion, tokens: number): StagePeak {
  const { facts, method } = question;
  const { head } = memoryConstants;
  const width = valueBytes(method);
  const columns = countsOf(facts).outputs;
  const rows = Math.max(head.fewestRows, Math.min(head.mostRows, head.bytes / (4 * columns)));
  const logits = Math.min(rows, tokens) * columns * 4 + 2 * tokens * facts.H * width;
  const heard = heardBytes(question);
  return inTraining(question, 'Evaluate', {
    activations: 2 * tokens * facts.H * width + pictureBytes(question, tokens) + heard.kept,
    working: Math.max(
      logits + sharedBytes(question).vocabulary,
      forwardWorking(question, tokens) + heard.keysAndValues,
      heard.written,
      heard.working,
    ),
  });
}

function sample(question: MemoryQuestion, tokens: number): StagePeak {
  return inTraining(
    question,
    'Sample',
    decodingBytes(question, question.stages?.prompts ?? 1, tokens),
  );
}

function inTraining(
  question: MemoryQuestion,
  stage: StageName,
  { activations, working }: { readonly activations: number; readonly working: number },
): StagePeak {
  const { weights, optimizer, codes } = staticBytes(question);
  const { context } = memoryConstants[question.device.type];
  const { blocks } = sharedBytes(question);
  const workspace = working + blocks + context + tokenizerBytes(question) + besideTensors(question);
  return stagePeak(stage, {
    ...{ weights: weights + codes, optimizer },
    ...{ gradients: 0, activations, workspace },
  });
}
