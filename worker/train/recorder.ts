// Builds the run report from the telemetry of a training run, so that the report contains nothing
// that was not sent as a message.

import type { ResolvedMethod } from '../../crds/index.ts';
import { methodInWords } from '../../crds/methods/in-words.ts';
import type { PreparedRecord, RunRecord } from '../../crds/wire/run-folder.ts';
import type { RunReport } from '../../crds/wire/run-report.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { StoredSave } from '../checkpoint/stored-save.ts';
import type { TrainerState } from '../checkpoint/trainer-state.ts';
import type { Feed } from '../data/feed.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { parameterCount } from '../decoder/sizes.ts';
import type { Model } from '../engine/model.ts';
import type { DeviceExchange, ProcessGroup } from '../sharding/process-group.ts';
import { sizeOf } from '../sharding/shards.ts';
import {
  type Life,
  newLife,
  speedOf,
  withEvaluation,
  withSpeed,
  withWarning,
} from '../telemetry/life.ts';
import { type Device, deviceMemory } from '../tensor/device.ts';
import { memoryStatistics } from '../tensor/memory.ts';
import type { TrainerPlan, TrainerResult } from './loop.ts';
import type { TrainerMemory } from './memory-plan.ts';
import { deviceReport, memoryReport } from './memory-report.ts';
import type { PackedRuns } from './packed-runs.ts';

interface RecorderFacts {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
  readonly method: ResolvedMethod;
  readonly files: ModelFiles;
  readonly model: Model;
  readonly memory: TrainerMemory;
  readonly plan: TrainerPlan;
  readonly feed: Feed;
  /** Runs that train in the same process. */
  readonly packed: PackedRuns | undefined;
  /** Ranks that train the model. */
  readonly workers: number;
  /** Of several workers. */
  readonly group: Pick<ProcessGroup, 'deviceExchange'> | null;
  readonly version: string;
  /** Milliseconds since 1970 at which the process began. */
  readonly startedAt: number;
}

type BodyOf<T extends TelemetryBody['type']> = Extract<TelemetryBody, { type: T }>;

export class Recorder {
  readonly #facts: RecorderFacts;
  /** The run so far, without the time of this process. */
  #life: Life;
  /** The first step of a process fills caches and is not measured. */
  #isWarm = false;
  #resumedFrom = 0;

  constructor(facts: RecorderFacts) {
    this.#facts = facts;
    this.#life = newLife(facts.startedAt);
  }

  /** Continues the record of earlier processes; warnings of this process are added to it. */
  resumeFrom(before: Life | undefined): void {
    if (before === undefined) return;
    const { warnings } = this.#life;
    this.#life = warnings.reduce((life, each) => withWarning(life, each), before);
  }

  /** Returns an `emit` that records each message before passing it on. */
  recording(emit: (message: TelemetryBody) => void): (message: TelemetryBody) => void {
    return (message) => {
      this.see(message);
      emit(message);
    };
  }

  see(message: TelemetryBody): void {
    if (message.type === 'step') {
      if (this.#isWarm) this.#life = withSpeed(this.#life, message);
      this.#isWarm = true;
    }
    if (message.type === 'warning') this.#life = withWarning(this.#life, message);
    if (message.type === 'evaluation') this.#life = withEvaluation(this.#life, message);
  }

  /** The run from its start until `now`. */
  lifeAt(now: number): Life {
    const { startedAt, model } = this.#facts;
    const devicePeak = devicePeakOf(model.device, this.#life.devicePeak);
    return {
      ...this.#life,
      ...(devicePeak === undefined ? {} : { devicePeak }),
      seconds: this.#life.seconds + Math.max(0, now - startedAt) / 1000,
      peakBytes: Math.max(this.#life.peakBytes, memoryStatistics().residentPeakBytes),
    };
  }

  /** Announces the run, before the first step of this process. */
  planMessage(firstStep: number): BodyOf<'plan'> {
    const { run, prepared, method, files, model, plan, feed, workers, group } = this.#facts;
    const { plan: memory, host } = this.#facts.memory;
    this.#resumedFrom = firstStep;
    const count = (mode: string) => memory.blocks.filter((block) => block === mode).length;
    return {
      type: 'plan',
      job: run.name,
      model: {
        name: prepared.model.name,
        family: files.config.family,
        parameters: parameterCount(files.config),
      },
      task: run.spec.model.task,
      method: methodInWords(method),
      trainableParameters: trainable(model),
      precision: method.precision.type,
      device: model.device,
      threads: run.threads,
      workers,
      exchange: group?.deviceExchange && exchangeInWords(group.deviceExchange),
      totalSteps: plan.totalSteps,
      firstStep,
      sequencesPerStep: feed.sequencesPerStep,
      tokensPerStep: feed.sequencesPerStep * feed.largestSequence,
      samples: prepared.data.samples,
      heldOutSamples: prepared.data.heldOutSamples,
      blocks: {
        keep: count('keep'),
        recompute: count('recompute'),
        offload: count('offload'),
      },
      memory: { ...memory.parts, peak: memory.peak },
      memoryStage: memory.stage,
      memoryStages: memory.stages.map(({ stage, peak }) => ({ stage, peak })),
      memoryLimit: memory.limit,
      ...(host && { hostMemory: { peak: host.plan.peak, limit: host.limit } }),
    };
  }

  report(
    { reason, state }: TrainerResult,
    result: NonNullable<RunReport['result']>,
    checkpoints: readonly StoredSave[],
    endedAt: number,
  ): RunReport {
    const { run, prepared, method, files, model, memory, plan, feed } = this.#facts;
    const { packed, version } = this.#facts;
    const life = this.lifeAt(endedAt);
    return {
      version: 1,
      job: {
        name: run.name,
        specDigest: run.digest,
        method,
        summary: methodInWords(method),
      },
      program: { version, node: process.version },
      device: deviceReport(model.device, run),
      model: {
        name: prepared.model.name,
        family: files.config.family,
        format: files.headers.format === 'gguf' ? 'GGUF' : 'Safetensors',
        digest: prepared.model.digest,
        parameters: parameterCount(files.config),
        trainableParameters: trainable(model),
      },
      dataset: datasetOf(prepared, feed),
      training: {
        steps: state.step,
        totalSteps: plan.totalSteps,
        tokensSeen: state.tokensSeen,
        firstLoss: state.firstLoss,
        lastLoss: state.lastLoss,
        skippedSteps: state.step - state.updates,
        rollbacks: state.rollbacks,
        ...speedOf(life),
      },
      evaluation: evaluationOf(state),
      samples: samplesOf(run, state, result),
      result,
      memory: {
        ...memoryReport(memory, life, packed),
        blocks: this.planMessage(this.#resumedFrom).blocks,
      },
      artifacts: [],
      checkpoints: [...checkpoints],
      seconds: { train: state.seconds, evaluate: life.evaluateSeconds, total: life.seconds },
      warnings: [...life.warnings],
      end: {
        reason,
        startedAt: new Date(life.startedAt).toISOString(),
        endedAt: new Date(endedAt).toISOString(),
        resumedFrom: this.#resumedFrom,
      },
    };
  }
}

function exchangeInWords(exchange: DeviceExchange): string {
  return exchange.by === 'NCCL' ? `NCCL ${exchange.version}` : 'Gloo';
}

/** The largest of this process and of those before it; undefined for the processor. */
function devicePeakOf(device: Device, before: Life['devicePeak']): Life['devicePeak'] {
  if (device === 'cpu') return before;
  const { reservedPeak, allocatedPeak } = deviceMemory(device);
  return {
    reserved: Math.max(reservedPeak, before?.reserved ?? 0),
    allocated: Math.max(allocatedPeak, before?.allocated ?? 0),
  };
}

/** From the state, not from messages: an earlier process may have sent them. */
function samplesOf(
  { spec }: RunRecord,
  { samplesOf: shown, samplesBefore, samplesBest, samplesLast }: TrainerState,
  { choice }: NonNullable<RunReport['result']>,
): RunReport['samples'] {
  const after = choice === 'Best' ? samplesBest : samplesLast;
  return (spec.training.samples?.prompts ?? shown).map((prompt, index) => ({
    prompt,
    ...textAt('before', samplesBefore[index]),
    ...textAt('after', after[index]),
  }));
}

function textAt<K extends string>(key: K, text: string | undefined): Partial<Record<K, string>> {
  return text === undefined ? {} : ({ [key]: text } as Record<K, string>);
}

function evaluationOf({ evaluations, best }: TrainerState): RunReport['evaluation'] {
  const [before] = evaluations;
  const after = evaluations.at(-1);
  const found = evaluations.find(({ step }) => step === best?.step);
  return {
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    ...(found === undefined ? {} : { best: found }),
    all: [...evaluations],
  };
}

function datasetOf({ data }: PreparedRecord, feed: Feed): RunReport['dataset'] {
  const { digest, samples, heldOutSamples, tokens, targetTokens, skipped } = data;
  return {
    digest,
    samples,
    heldOutSamples,
    sequences: feed.sequences,
    tokens,
    targetTokens,
    skipped,
  };
}

function trainable({ parameters }: Model): number {
  return parameters.trained().reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}
