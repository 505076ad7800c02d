// Memory of a process that makes pictures with adapters of one base, before it loads anything.
import { forwardWorking } from './forward-bytes.ts';
import { type BaseFacts, frozenQuestion } from './frozen-question.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { staticBytes } from './static-bytes.ts';
import { picturesTogether } from './trajectory.ts';

interface SamplingQuestion {
  readonly base: BaseFacts;
  readonly device: MemoryQuestion['device'];
  /** Of the factors of all adapters, and of sums of adapters, in memory. */
  readonly adapterBytes: number;
  /** Parts of which it is kept what deep blocks added. */
  readonly keeps: number;
  /** How often a picture passes the model in a step: 2 with guidance. */
  readonly passes: number;
}

interface SamplingPlan {
  readonly weights: number;
  readonly adapters: number;
  readonly work: number;
  readonly peak: number;
}

/** In float32. */
export function planSampling(question: SamplingQuestion): SamplingPlan {
  const { base, device, adapterBytes, keeps, passes } = question;
  const frozen = frozenQuestion(base, 'Float32', device);
  const { H, patches = 1 } = { patches: 1, ...base.facts };
  const tokens = picturesTogether * passes * patches;
  // The stream, what deep blocks began with, and what they added to each part, now and before.
  const streams = (keeps === 0 ? 1 : 3 + keeps) * tokens * H * 4;
  const { slack } = memoryConstants[device.type];
  const context =
    device.type === 'cuda' ? memoryConstants.cuda.context : memoryConstants.publish.context;
  const weights = Math.ceil(staticBytes(frozen).weights);
  const step = forwardWorking(frozen, tokens) + streams;
  const work = Math.ceil((1 + slack) * step + context);
  return { weights, adapters: adapterBytes, work, peak: weights + adapterBytes + work };
}
