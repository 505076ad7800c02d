// Memory while codes of a base are fitted to outputs of its layers, before there is a model to
// train: a dense model on the host, the codes that are done, and a block while it is fitted, and
// then while its vectors and scales train.
import { codebookBlock } from './codebook-bytes.ts';
import { forwardWorking } from './forward-bytes.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { parametersOf } from './parameters.ts';
import { gramBytes, matrixBytes, windowBytes } from './quantize-bytes.ts';
import { type StagePeak, stagePeak } from './stage-peak.ts';
import { staticBytes, valueBytes } from './static-bytes.ts';

export function codebooksStage(question: MemoryQuestion): readonly StagePeak[] {
  const { facts, method, stages, microBatchTokens: tokens, device } = question;
  const { base } = method;
  if (device.type !== 'cpu' || stages === undefined || base.type !== 'Codebook') return [];
  const { calibrationSequences: sequences } = base.codebook;
  if (sequences === 0) return [];
  const whole: MemoryQuestion = {
    ...{ ...question, shards: 1, microBatchTokens: tokens },
    method: { ...method, base: { type: 'Dense' }, adapter: { type: 'None' } },
  };
  const width = valueBytes(method);
  const codes = facts.L * codebookBlock(facts, method).bytes;
  const states = 2 * sequences * tokens * facts.H * width;
  const values = width * parametersOf(facts).blockMatrices;
  const fitting = matrixBytes(facts, memoryConstants.quantize.ofCodebook);
  const block = Math.max(
    forwardWorking(whole, tokens),
    fitting,
    windowBytes(whole, { tokens, blocks: 1 }),
  );
  const workspace =
    memoryConstants.cpu.context + codes + states + values + gramBytes(facts) + block;
  const nothing = { optimizer: 0, gradients: 0, activations: 0 };
  return [stagePeak('Decompose', { ...nothing, weights: staticBytes(whole).weights, workspace })];
}
