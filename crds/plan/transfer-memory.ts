// Memory of a transfer before it starts: both bases while records are made, the stages of the job
// that trains on them, and the models that are compared, each a process of its own.
import type { FineTuneJobSpec } from '../api/job.ts';
import type { TransferSpec } from '../api/transfer.ts';
import { resolveMethod } from '../methods/resolve.ts';
import { decodingBytes } from './decoding-bytes.ts';
import { type BaseFacts, frozenQuestion } from './frozen-question.ts';
import { planJob } from './job-plan.ts';
import { memoryConstants } from './memory-constants.ts';
import { charactersPerToken, type MemoryQuestion, templateTokens } from './memory-question.ts';
import { staticBytes } from './static-bytes.ts';

interface TransferQuestion {
  readonly spec: TransferSpec;
  readonly from: BaseFacts;
  readonly to: BaseFacts;
  /** Of the tensors of the old adapter. */
  readonly adapterBytes: number;
  /** Of the seeds together, which a new prompt follows. */
  readonly seedCharacters: number;
  /** Texts that are decoded together. */
  readonly together: number;
  readonly device: MemoryQuestion['device'];
}

export interface TransferPlan {
  /** In the order in which they run. */
  readonly stages: readonly { readonly stage: TransferStage; readonly peak: number }[];
  readonly largest: { readonly stage: TransferStage; readonly peak: number };
  readonly limit: number;
  readonly fits: boolean;
}

type TransferStage = 'Synthesize' | 'Job' | 'Compare';

export function planTransfer(question: TransferQuestion): TransferPlan {
  const { spec, from, to, device } = question;
  const job = planJob({ ...jobOf(spec.job), ...to, device, ranks: 1, shards: 1 }).memory;
  const made = Math.ceil(question.seedCharacters / charactersPerToken) + spec.generation.maxTokens;
  const asked = templateTokens + spec.generation.maxTokens + spec.answerTokens;
  const ofOld = frozen(from, device);
  const ofNew = frozen(to, device);
  const answering = decoding(question, ofOld, asked);
  const old = weightsOf(ofOld) + question.adapterBytes;
  const context = memoryConstants[device.type].context;
  const synthesis = old + weightsOf(ofNew) + Math.max(decoding(question, ofNew, made), answering);
  const trained = { ...ofNew, method: resolveMethod(spec.job.method) };
  // One after the other: the new adapter, the new base, and where there are tests the old adapter.
  const comparison = Math.max(
    ...[trained, ofNew].map((one) => weightsOf(one) + decoding(question, one, asked)),
    spec.gate?.tests === undefined ? 0 : old + answering,
  );
  const stages = [
    { stage: 'Synthesize', peak: synthesis + context + tokenizers([from, to], device) },
    { stage: 'Job', peak: job.peak },
    { stage: 'Compare', peak: comparison + context + tokenizers([to], device) },
  ] as const;
  const largest = stages.reduce((a, b) => (b.peak > a.peak ? b : a));
  return { stages, largest, limit: device.bytes, fits: largest.peak <= device.bytes };
}

/** Held-out prompts are an evaluation of its own. */
function jobOf(job: FineTuneJobSpec): { readonly spec: FineTuneJobSpec } {
  return { spec: { ...job, dataset: { ...job.dataset, eval: job.dataset.train } } };
}

function frozen(base: BaseFacts, device: MemoryQuestion['device']) {
  return frozenQuestion(base, device.type === 'cpu' ? 'Float32' : 'BFloat16', device);
}

function weightsOf(question: MemoryQuestion): number {
  return staticBytes(question).weights;
}

function decoding({ together }: TransferQuestion, base: MemoryQuestion, tokens: number): number {
  const { activations, working } = decodingBytes(base, together, tokens);
  return activations + working;
}

/** JavaScript memory, which is that of the processor. */
function tokenizers(bases: readonly BaseFacts[], { type }: MemoryQuestion['device']): number {
  if (type === 'cuda') return 0;
  const tokens = bases.reduce((sum, { facts }) => sum + facts.V, 0);
  return tokens * memoryConstants.tokenizerBytesPerToken;
}
