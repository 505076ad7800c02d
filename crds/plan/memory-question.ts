// What the memory of a rank depends on.
import type { FineTuneJobSpec } from '../api/job.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { DecoderFacts } from './decoder-facts.ts';
import type { DeviceType } from './memory-constants.ts';
import { formatsOf } from './publication.ts';

export type TapeMode = 'keep' | 'recompute' | 'offload';

export type ResultForm = NonNullable<FineTuneJobSpec['output']['formats']>[number];

/** What a run does besides steps. */
interface OtherStages {
  /** Tokens of an evaluation sequence; absent where nothing is held out. */
  readonly evaluationTokens?: number;
  /** Tokens of the longest prompt with its answer; absent where nothing is asked. */
  readonly sampleTokens?: number;
  /** Prompts, which several ranks answer side by side. */
  readonly prompts?: number;
  /** Forms of the result. */
  readonly formats: readonly ResultForm[];
  /** Of the matrices of a GGUF file. */
  readonly ggufType: FineTuneJobSpec['output']['gguf']['type'];
}

export interface MemoryQuestion {
  readonly facts: DecoderFacts;
  /**
   * Base values that the files hold in bfloat16: frozen matrices stay so, whatever is computed in.
   */
  readonly storedBfloat16?: number;
  readonly method: ResolvedMethod;
  /** Tokens that a device computes at once. */
  readonly microBatchTokens: number;
  /** Micro-batches that pass through a block before the next block. */
  readonly perWave: number;
  readonly waves: number;
  /** Ranks that share weights, gradients and state. */
  readonly shards: number;
  readonly clip: 'Global' | 'Block' | 'None';
  readonly recomputation: 'Auto' | 'None' | 'Full' | 'Offload';
  /** Share of target tokens, and pass through the head. */
  readonly targetShare: number;
  /** Absent: steps alone. */
  readonly stages?: OtherStages;
  readonly device: { readonly type: DeviceType; readonly bytes: number };
}

/** A prompt is not tokenised for a plan: tokens of three characters, and a template around them. */
const charactersPerToken = 3;
const templateTokens = 64;

/** `evaluationTokens`: of the largest sequence of an evaluation. */
export function stagesOf(
  { dataset, training, output, method }: FineTuneJobSpec,
  evaluationTokens: number,
): OtherStages {
  const isMeasured = dataset.eval !== undefined || dataset.heldOut !== undefined;
  const { samples } = training;
  const longest = Math.max(0, ...(samples?.prompts ?? []).map(({ length }) => length));
  const prompt = Math.ceil(longest / charactersPerToken) + templateTokens;
  return {
    ...(isMeasured ? { evaluationTokens } : {}),
    ...(samples === undefined
      ? {}
      : { sampleTokens: prompt + samples.maxTokens, prompts: samples.prompts.length }),
    formats: formatsOf({ method, output }),
    ggufType: output.gguf.type,
  };
}
