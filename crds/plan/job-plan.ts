// The whole plan of a job on one kind of device: method, steps, batches, memory, FLOPs. The worker,
// `estimate` and the admission checks all use this one value.
import type { FineTuneJobSpec } from '../api/job.ts';
import { usualCrop } from '../api/restoration.ts';
import { type ResolvedMethod, resolveMethod } from '../methods/resolve.ts';
import {
  type BatchPlan,
  evaluatedTokens,
  planBatches,
  sequencesPerStep,
  tokensPerSequence,
} from './batches.ts';
import { tokensOfTexts } from './class-text-tokens.ts';
import { type ExchangedBytes, exchangedBytes } from './exchanged-bytes.ts';
import { type FlopsPerToken, flopsPerToken } from './flops.ts';
import { type HostPlan, planHost } from './host-memory.ts';
import { type MemoryPlan, planMemory } from './memory.ts';
import { memoryConstants } from './memory-constants.ts';
import { type MemoryQuestion, stagesOf } from './memory-question.ts';
import type { ModelFacts } from './model-facts.ts';
import { type HeldBase, heldBase, keptBetweenSteps } from './packing.ts';
import { type TrainedCounts, trainedOf } from './parameters.ts';
import { tokensOfSound } from './sound-window.ts';
import { totalSteps } from './steps.ts';
import { passesOf, trajectorySequences } from './trajectory.ts';

export interface JobQuestion {
  readonly spec: FineTuneJobSpec;
  readonly facts: ModelFacts;
  /** Values of the base that the files have in bfloat16. */
  readonly storedBfloat16?: number;
  readonly device: MemoryQuestion['device'];
  /** Ranks of the world, and how many of them shard weights and state. */
  readonly ranks: number;
  readonly shards: number;
  /** Facts about the data; absent before it is prepared. */
  readonly data?: PreparedData;
}

export interface PreparedData {
  /** Sequences of one epoch: documents, or packed sequences. */
  readonly sequences: number;
  readonly targetShare: number;
  /** Tokens of the longest sequence. */
  readonly longest: number;
  /** Mean tokens of a document. */
  readonly meanLength: number;
}

export interface JobPlan {
  readonly method: ResolvedMethod;
  readonly trained: TrainedCounts;
  /** Undefined if the job counts epochs and the data is not known yet. */
  readonly totalSteps: number | undefined;
  readonly batch: BatchPlan;
  /** Tokens of one step at most. */
  readonly tokensPerStep: number;
  readonly memory: MemoryPlan;
  /** Bytes that it keeps between its steps beside the base, while other runs are at work. */
  readonly kept: number;
  readonly base: HeldBase;
  /** Of the host, where `memory` is that of a device. */
  readonly host?: HostPlan;
  /** What each rank receives of the others in a step. */
  readonly exchange: ExchangedBytes;
  readonly flops: FlopsPerToken;
}

export function planJob(question: JobQuestion): JobPlan {
  const { spec, facts, data } = question;
  const method = resolveMethod(spec.method);
  const sequences = sequencesPerStep(spec.training, spec.dataset);
  const tokens = Math.min(
    tokensPerSequence(spec.dataset, pictureTokens(question)),
    data?.longest ?? Number.POSITIVE_INFINITY,
  );
  const planned = planDevice(question, method, sequences, tokens);
  const { batch, memory, kept, base, exchange, host } = planned;
  const recomputed = memory.blocks.filter((mode) => mode !== 'keep').length;
  return {
    method,
    trained: trainedOf(facts, method),
    totalSteps: stepsOf(question, sequences),
    batch,
    tokensPerStep: sequences * tokens,
    memory,
    kept,
    base,
    exchange,
    ...(host === undefined ? {} : { host }),
    flops: flopsPerToken({
      facts,
      method,
      // A token of a decoder sees those before it.
      meanAttended: (data?.meanLength ?? tokens) / (isCausal(facts) ? 2 : 1),
      recomputedShare: recomputed / facts.L,
      targetShare: data?.targetShare ?? 1,
      soundTokens: tokensOfSound(spec.dataset, facts) / (data?.meanLength ?? tokens),
      // On each rank once a step.
      textTokens: tokensOfTexts(spec.dataset, facts) / (batch.perRank * tokens),
    }),
  };
}

function isCausal({ kind }: ModelFacts): boolean {
  return kind === 'decoder' || kind === 'speech';
}

/** Undefined where documents are texts. Known for sure once pictures are prepared. */
function pictureTokens({ spec, facts, data }: JobQuestion): number | undefined {
  switch (facts.kind) {
    case 'diffusion':
      return passesOf(spec.training) * facts.patches;
    case 'tracking':
      return facts.tokens;
    case 'vision':
    case 'imageText':
      return data?.longest ?? facts.tokens;
    case 'restoration':
      return data?.longest ?? (spec.dataset.restoration?.crop ?? usualCrop) ** 2;
    default:
      return undefined;
  }
}

function stepsOf({ spec: { training }, data }: JobQuestion, batch: number): number | undefined {
  if (training.maxSteps !== undefined) return training.maxSteps;
  const sequences = trajectorySequences(training, batch) ?? data?.sequences;
  return sequences === undefined ? undefined : totalSteps(training, sequences, batch);
}

interface DevicePlan {
  readonly batch: BatchPlan;
  readonly memory: MemoryPlan;
  readonly kept: number;
  readonly base: HeldBase;
  readonly exchange: ExchangedBytes;
  readonly host: HostPlan | undefined;
}

/**
 * All micro-batches at once if they fit; otherwise more waves, if the engine has them; otherwise
 * the closest choice.
 */
function planDevice(
  question: JobQuestion,
  method: ResolvedMethod,
  sequences: number,
  tokens: number,
): DevicePlan {
  const { ranks, spec } = question;
  const microBatchSize = spec.training.microBatchSize ?? 1;
  const plan = (waves: number): DevicePlan => {
    const batch = planBatches({ sequences, ranks, microBatchSize, waves });
    const asked = memoryQuestion(question, method, batch, tokens);
    const memory = planMemory(asked);
    const host = asked.device.type === 'cuda' ? planHost(asked, memory.blocks) : undefined;
    const kept = keptBetweenSteps(asked);
    return { batch, memory, kept, base: heldBase(asked), exchange: exchangedBytes(asked), host };
  };
  let closest = plan(1);
  const micros = memoryConstants.engine.hasWaves ? closest.batch.microBatches : 1;
  for (let waves = 2; !closest.memory.fits && waves <= micros; waves++) {
    const candidate = plan(waves);
    if (candidate.memory.peak < closest.memory.peak) closest = candidate;
  }
  return closest;
}

function memoryQuestion(
  question: JobQuestion,
  method: ResolvedMethod,
  batch: BatchPlan,
  tokens: number,
): MemoryQuestion {
  const { spec, facts, storedBfloat16 = 0, device, shards, data } = question;
  const textTokens = tokensOfTexts(spec.dataset, facts);
  const evaluated = Math.max(textTokens, evaluatedTokens(spec, pictureTokens(question)));
  return {
    facts,
    storedBfloat16,
    method,
    microBatchTokens: batch.microBatchSize * tokens,
    soundTokens: batch.microBatchSize * tokensOfSound(spec.dataset, facts),
    textTokens,
    perWave: batch.perWave,
    waves: batch.waves,
    shards,
    clip: spec.training.gradientClip.mode,
    followsBase: spec.training.trajectory !== undefined,
    recomputation: spec.parallelism.activationRecomputation,
    targetShare: data?.targetShare ?? 1,
    stages: stagesOf(spec, evaluated, tokens),
    device,
  };
}
