// Memory of the host for a job whose model is on a CUDA device: the process that trains, and the
// one that writes the result, which computes on the processor. Pages of mapped model files are
// given back as their tensors reach the device, so they do not count.
import { blockBytes } from './block-bytes.ts';
import { cudaConstants } from './cuda-constants.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion, TapeMode } from './memory-question.ts';
import { publishStage } from './publish-bytes.ts';
import { sharedBytes } from './shared-bytes.ts';
import { tokenizerBytes } from './stage-bytes.ts';
import { type StagePeak, stagePeak } from './stage-peak.ts';

export interface HostPlan {
  /** Training with its evaluations and answers, then publishing where the job does. */
  readonly stages: readonly StagePeak[];
  readonly peak: number;
}

/**
 * What workers exchange goes through pinned memory of the host: gathered blocks and vocabulary, and
 * gradients with the parts of the other ranks.
 */
function sharedOnHost(question: MemoryQuestion): number {
  const { blocks, vocabulary, ...exchanges } = sharedBytes(question);
  const { blockExchange, headExchange, embeddingExchange } = exchanges;
  return blocks + vocabulary + 2 * blockExchange + Math.max(headExchange, embeddingExchange);
}

/** `blocks`: the choice of the plan of the device. */
export function planHost(question: MemoryQuestion, blocks: readonly TapeMode[]): HostPlan {
  const { host, staging } = cudaConstants;
  const onHost = { ...question, device: { ...question.device, type: 'cpu' as const } };
  const offloaded = blocks.filter((mode) => mode === 'offload').length;
  const training = stagePeak('Step', {
    ...{ weights: 0, optimizer: 0, gradients: 0 },
    // Inputs of offloaded blocks wait in pinned memory.
    activations: offloaded * question.perWave * blockBytes(question).stream,
    workspace:
      memoryConstants.cpu.context +
      host.value +
      staging.value +
      sharedOnHost(question) +
      tokenizerBytes(onHost),
  });
  const stages = [training, ...publishStage(onHost)];
  return { stages, peak: Math.max(...stages.map(({ peak }) => peak)) };
}
