// The inputs of the memory plan of a rank.
import type { FineTuneJobSpec } from '../api/job.ts';
import type { GgufType } from '../api/output.ts';
import type { Pruning } from '../api/pruning.ts';
import type { Quantization } from '../api/quantization.ts';
import { instructionsTogether } from '../evaluation/instructions.ts';
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { DeviceType } from './memory-constants.ts';
import type { ModelFacts } from './model-facts.ts';
import { formatsOf, ggufTypeOf } from './publication.ts';
import { picturesTogether, tokensOfMaking } from './trajectory.ts';

export type TapeMode = 'keep' | 'recompute' | 'offload';

export type ResultForm = NonNullable<FineTuneJobSpec['output']['formats']>[number];

/** Stages of a run besides training steps. */
interface OtherStages {
  /** Tokens of an evaluation sequence; absent without held-out records. */
  readonly evaluationTokens?: number;
  /** Tokens of the longest prompt with its answer; absent without prompts. */
  readonly sampleTokens?: number;
  /** Number of prompts, which several ranks answer in parallel. */
  readonly prompts?: number;
  /** Tokens of the largest sequence that results are evaluated on; absent without such. */
  readonly scoredTokens?: number;
  /** Instructions that are answered together, with results beside; absent without such. */
  readonly instructions?: number;
  /** Tokens of a teacher that are kept of each target; absent without distillation. */
  readonly teacherTokens?: number;
  /** Tokens of the largest training sequence; absent without distillation. */
  readonly trainingTokens?: number;
  /** Formats of the result. */
  readonly formats: readonly ResultForm[];
  /** Type of the matrices of a GGUF file. */
  readonly ggufType: GgufType;
  /** Tokens of a sequence by whose activations its columns count; absent without such. */
  readonly ggufTokens?: number;
  /** Of weights that are quantized after training, and tokens of a sequence that they see. */
  readonly quantization?: Quantization & { readonly tokens: number };
  /** Of a model that is cut out of the base, and tokens of a sequence that decides what is kept. */
  readonly pruning?: Pruning & { readonly tokens: number };
}

export interface MemoryQuestion {
  readonly facts: ModelFacts;
  /**
   * Values of the base that the files have in bfloat16: frozen matrices stay so, whatever the type
   * of the computation.
   */
  readonly storedBfloat16?: number;
  readonly method: ResolvedMethod;
  /** Tokens that a device computes at once. */
  readonly microBatchTokens: number;
  /** Of these, in a model that hears, those of sounds in its encoder. @default 0 */
  readonly soundTokens?: number;
  /** Of a model that compares pictures with texts: tokens of all texts of classes. @default 0 */
  readonly textTokens?: number;
  /** Micro-batches that pass a block before the next block. */
  readonly perWave: number;
  readonly waves: number;
  /** Ranks that shard weights, gradients and state. */
  readonly shards: number;
  readonly clip: 'Global' | 'Block' | 'None';
  readonly recomputation: 'Auto' | 'None' | 'Full' | 'Offload';
  /** Share of target tokens, which pass the head. */
  readonly targetShare: number;
  /** Of a step whose records are clipped one by one, under differential privacy. @default false */
  readonly clipsRecords?: boolean;
  /** Whether the base makes trajectories that the model learns along. @default false */
  readonly followsBase?: boolean;
  /** Absent: steps alone. */
  readonly stages?: OtherStages;
  readonly device: { readonly type: DeviceType; readonly bytes: number };
}

/**
 * Prompts are not tokenised for a plan: assume three characters per token, and a template around
 * them.
 */
export const charactersPerToken = 3;
export const templateTokens = 64;

/** Tokens of the largest sequence of an evaluation, and of training. */
export function stagesOf(
  { model, dataset, training, output, method, evaluation }: FineTuneJobSpec,
  evaluationTokens: number,
  trainingTokens: number,
): OtherStages {
  const isMeasured = dataset.eval !== undefined || dataset.heldOut !== undefined;
  const { samples, distillation } = training;
  const own = model.task === 'Denoising' ? output.quantization : undefined;
  // By what they are calibrated on and compared, of what makes pictures.
  const made = own && tokensOfMaking(own, trainingTokens);
  const longest = Math.max(0, ...(samples?.prompts ?? []).map(({ length }) => length));
  const prompt = Math.ceil(longest / charactersPerToken) + templateTokens;
  return {
    ...(isMeasured ? { evaluationTokens } : {}),
    ...(samples === undefined
      ? {}
      : { sampleTokens: prompt + samples.maxTokens, prompts: samples.prompts.length }),
    ...(distillation === undefined ? {} : { teacherTokens: distillation.topK, trainingTokens }),
    // Pictures before and after pass the model whatever is evaluated.
    ...(evaluation.profile === 'Disabled' && !leavesPictures(model.task)
      ? {}
      : {
          scoredTokens:
            made === undefined
              ? isMeasured
                ? evaluationTokens
                : trainingTokens
              : picturesTogether * made.once,
        }),
    ...(evaluation.instructions === 0
      ? {}
      : { instructions: Math.min(evaluation.instructions, instructionsTogether) }),
    formats: formatsOf({ method, output }),
    ggufType: ggufTypeOf({ method, output }),
    ...(output.gguf.calibrationSequences === 0 ? {} : { ggufTokens: trainingTokens }),
    ...(output.quantization === undefined
      ? {}
      : { quantization: { ...output.quantization, tokens: made?.all ?? trainingTokens } }),
    ...(output.pruning === undefined
      ? {}
      : { pruning: { ...output.pruning, tokens: trainingTokens } }),
  };
}

function leavesPictures(task: FineTuneJobSpec['model']['task']): boolean {
  return task === 'Restoration' || task === 'Tracking';
}
