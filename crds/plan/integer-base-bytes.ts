// Memory while the integers of a base are made with inputs of its layers, before there is a model
// to train: that of quantizing a dense model on the host, and then the integers as products read
// them.
import { quantization } from '../api/quantization.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { bytesOfCodes, quantizeBytes } from './quantize-bytes.ts';
import { quantizedBlock } from './quantized-base.ts';
import { type StagePeak, stagePeak } from './stage-peak.ts';
import { staticBytes } from './static-bytes.ts';

export function integersStage(question: MemoryQuestion): readonly StagePeak[] {
  const { facts, method, stages, microBatchTokens: tokens, device } = question;
  const { base } = method;
  if (device.type !== 'cpu' || stages === undefined || base.type !== 'Integer') return [];
  if (base.integer.calibrationSequences === 0) return [];
  const stored = facts.L * quantizedBlock(facts, method).bytes;
  const making = { ...quantization.parse({ method: 'GPTQ', ...base.integer }), tokens };
  const whole: MemoryQuestion = {
    ...{ ...question, shards: 1, stages: { ...stages, formats: [], quantization: making } },
    method: { ...method, base: { type: 'Dense' }, adapter: { type: 'None' } },
  };
  const working = Math.max(quantizeBytes(whole), bytesOfCodes(whole) + stored);
  const workspace = memoryConstants.cpu.context + working;
  const nothing = { optimizer: 0, gradients: 0, activations: 0 };
  return [stagePeak('Decompose', { ...nothing, weights: staticBytes(whole).weights, workspace })];
}
