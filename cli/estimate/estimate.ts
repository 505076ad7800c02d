// `anneal estimate FILE`: the memory plan and the time of a job on candidate devices. It is the
// same pure plan that the worker uses, so a wrong prediction here also appears in the report of the
// run.

import { dirname, resolve } from 'node:path';
import {
  type FineTuneJobSpec,
  type JobPlan,
  type ModelFacts,
  methodInWords,
  parametersOf,
  planJob,
  type RunReport,
  UserError,
} from '../../crds/index.ts';
import { plansRanks } from '../../crds/methods/adapter-traits.ts';
import { type CudaConstant, unmeasured } from '../../crds/plan/cuda-constants.ts';
import type { ExchangedBytes } from '../../crds/plan/exchanged-bytes.ts';
import type { HeldBase } from '../../crds/plan/packing.ts';
import { trainersOfPod } from '../../crds/plan/world.ts';
import type { StageName } from '../../crds/stages/stage.ts';
import { stagesOf } from '../../crds/stages/stages-of.ts';
import type { AttentionEntries } from '../../crds/wire/attention-entries.ts';
import type { DescribedModel } from '../../crds/wire/described-model.ts';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import { readJob, readText } from '../client/read-job.ts';
import type { Assignment } from '../process/flags.ts';
import { assumedShare, type Device, gpuOf, knownDevices, thisMachine } from './devices.ts';
import { type Suggestion, suggest } from './suggest.ts';
import { changesInWords, requireChanged } from './what-if.ts';

export interface EstimateOptions {
  readonly file: string;
  readonly gpuMemory: number | undefined;
  readonly workers: number | undefined;
  readonly whatIf: readonly (readonly Assignment[])[];
  readonly volumes: Readonly<Record<string, string>>;
}

export interface EstimateContext {
  readonly cache: string;
  readonly freeBytes: number;
  readonly cores: number;
  /** GPUs of this machine. */
  readonly gpus: () => Promise<readonly Device[]>;
  readonly now: () => Date;
  readonly describe: (record: RunRecord) => Promise<DescribedModel>;
  /** Reports of earlier runs of the job on this machine, oldest first. */
  readonly reports: (job: string) => Promise<readonly RunReport[]>;
}

export interface MemoryRow {
  readonly name: string;
  readonly parts: JobPlan['memory']['parts'];
  readonly peak: number;
  readonly limit: number;
  readonly fits: boolean;
  /** Blocks whose activations are recomputed in the backward. */
  readonly recomputed: number;
}

type Stage = Pick<JobPlan['memory']['stages'][number], 'stage' | 'peak'>;

interface TimeRow {
  readonly device: string;
  readonly tokensPerSecond: number;
  /** From an earlier run of this job; otherwise from the peak of the device. */
  readonly measured: boolean;
  /** Undefined when the job counts epochs over data of unknown size. */
  readonly seconds: number | undefined;
  /**
   * Of several ranks: bytes a second that each has to receive so that the exchange of a step takes
   * no longer than its computing.
   */
  readonly bandwidth?: number;
}

export interface Estimate {
  readonly job: string;
  readonly model: DescribedModel & { readonly parameters: number };
  readonly method: string;
  /** What it goes through, in this order. */
  readonly stageNames: readonly StageName[];
  readonly trainedParameters: number;
  /** Whether they are the most that there can be: ranks follow from activations or weights. */
  readonly isMost: boolean;
  readonly steps: number | undefined;
  readonly tokensPerStep: number;
  readonly ranks: number;
  /** Of several ranks: bytes that each receives in a step, and as many that it sends. */
  readonly exchange: ExchangedBytes;
  readonly devices: readonly MemoryRow[];
  readonly whatIf: { readonly device: string; readonly rows: readonly MemoryRow[] };
  /**
   * The processes of a run, one after the other, on the device that decides; the largest is the
   * peak.
   */
  readonly stages: {
    readonly device: string;
    readonly rows: readonly Stage[];
    /** Memory of its host; none where the device is the processor. */
    readonly host: readonly Stage[];
  };
  /** Of that device, bytes that it keeps between its steps where others train in its process. */
  readonly kept: number;
  /** What others of it may share. */
  readonly base: HeldBase;
  /** What the plan of that device rests on and nobody has measured. */
  readonly unmeasured: readonly CudaConstant[];
  readonly times: readonly TimeRow[];
  readonly assumedShareOfPeak: number;
  /** Of held-out records, by the newest run of this job that has told them. */
  readonly attention:
    | {
        readonly before?: AttentionEntries | undefined;
        readonly after?: AttentionEntries | undefined;
      }
    | undefined;
  readonly fits: boolean;
  readonly suggestion: Suggestion | undefined;
  /** What may fail the job regardless of its memory. */
  readonly notes: readonly string[];
}

export async function estimate(
  options: EstimateOptions,
  context: EstimateContext,
): Promise<Estimate> {
  const { file } = options;
  const { job } = await readJob(file, 'anywhere');
  const { spec } = job;
  const changed = await changedSpecs(options);
  const name = job.metadata.name ?? 'job';
  const model = await context.describe(recordOf(name, spec, options, context));
  const notes = templateNotes(spec, model);
  const devices = await devicesFor(spec, options, context);
  const ask = {
    facts: model.facts,
    storedBfloat16: (model.storedBytes['BF16'] ?? 0) / 2,
    ranks: ranksOf(spec, options.workers),
  };
  const rows = devices.map((device) => memoryRow(device.name, plan(spec, device, ask)));
  const judged = judgedOf(devices, rows) ?? thisMachine(context.freeBytes, context.cores);
  const written = plan(spec, judged, ask);
  const reports = await context.reports(name);
  return {
    ...{ job: name, notes },
    model: { ...model, parameters: parametersOf(model.facts).total },
    method: methodInWords(written.method),
    stageNames: stagesOf(spec).map(({ name: stage }) => stage),
    trainedParameters: written.trained.total,
    isMost: plansRanks(written.method),
    steps: written.totalSteps,
    tokensPerStep: written.tokensPerStep,
    ranks: ask.ranks,
    exchange: written.exchange,
    devices: rows,
    whatIf: {
      device: judged.name,
      rows: changed.map(({ changes, spec: other }) =>
        memoryRow(`with ${changesInWords(changes)}`, plan(other, judged, ask)),
      ),
    },
    stages: {
      device: judged.name,
      rows: written.memory.stages.map(({ stage, peak }) => ({ stage, peak })),
      host: written.host?.stages.map(({ stage, peak }) => ({ stage, peak })) ?? [],
    },
    kept: written.kept,
    base: written.base,
    unmeasured: judged.memory.type === 'cpu' ? [] : unmeasured(),
    times: [
      ...measuredRow(written, reports, devices),
      ...devices.flatMap((device) => timeRow(device, plan(spec, device, ask), ask.ranks)),
    ],
    assumedShareOfPeak: assumedShare,
    attention: attentionOf(reports),
    fits: written.memory.fits,
    suggestion: written.memory.fits
      ? undefined
      : suggest(await readText(file), spec, written.memory, (s) => plan(s, judged, ask).memory),
  };
}

/**
 * Conversations need a chat template. Whether the data are conversations is known only when they
 * are read, unless the job declares their format.
 */
function templateNotes(
  { dataset, model: { task = 'CausalLM' } }: FineTuneJobSpec,
  { hasChatTemplate }: DescribedModel,
): readonly string[] {
  const isMissing = hasChatTemplate === false && dataset.chatTemplate === undefined;
  if (!isMissing || task !== 'CausalLM' || (dataset.format !== 'Chat' && dataset.format !== 'Auto'))
    return [];
  const hint = 'set spec.dataset.chatTemplate to the template to train with';
  if (dataset.format === 'Auto') {
    return [`the model has no chat template: if the records are conversations, ${hint}`];
  }
  throw new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.dataset.chatTemplate',
    message: 'spec.dataset.format is Chat, but the model has no chat template',
    hint,
  });
}

interface Ask {
  readonly facts: ModelFacts;
  readonly storedBfloat16: number;
  readonly ranks: number;
}

function plan(spec: FineTuneJobSpec, { memory }: Device, ask: Ask): JobPlan {
  const { facts, storedBfloat16, ranks } = ask;
  return planJob({ spec, facts, storedBfloat16, device: memory, ranks, shards: ranks });
}

async function changedSpecs({ file, whatIf }: EstimateOptions) {
  if (whatIf.length === 0) return [];
  const text = await readText(file);
  return whatIf.map((changes) => ({ changes, spec: requireChanged(text, changes) }));
}

async function devicesFor(
  spec: FineTuneJobSpec,
  { gpuMemory }: EstimateOptions,
  { freeBytes, cores, gpus }: EstimateContext,
): Promise<readonly Device[]> {
  if (gpuMemory !== undefined) return [gpuOf(gpuMemory)];
  const here = thisMachine(freeBytes, cores);
  if (spec.worker.devicesPerWorker === 0) return [here, ...knownDevices];
  const known = (await gpus()).filter(({ memory }) => memory.bytes > 0);
  return [...known, ...knownDevices, here];
}

/**
 * The device that decides: the first one of the list, or for a GPU job without a GPU of this
 * machine the first one that it fits.
 */
function judgedOf(devices: readonly Device[], rows: readonly MemoryRow[]): Device | undefined {
  const [first] = devices;
  if (first === undefined || !knownDevices.includes(first)) return first;
  return devices[rows.findIndex(({ fits }) => fits)] ?? knownDevices.at(-1);
}

function ranksOf({ worker }: FineTuneJobSpec, workers: number | undefined): number {
  return workers ?? worker.replicas * trainersOfPod(worker.devicesPerWorker);
}

function memoryRow(name: string, { memory }: JobPlan): MemoryRow {
  const { parts, peak, limit, fits, blocks } = memory;
  const recomputed = blocks.filter((mode) => mode !== 'keep').length;
  return { name, parts, peak, limit, fits, recomputed };
}

function timeRow({ name, peak }: Device, planned: JobPlan, ranks: number): readonly TimeRow[] {
  if (peak === undefined || !planned.memory.fits) return [];
  const { method, flops } = planned;
  const speed = method.precision.type === 'Float32' ? peak.float32 : peak.bfloat16;
  const tokensPerSecond = (ranks * assumedShare * speed) / flops.total;
  const { weights, gradients } = planned.exchange;
  const bandwidth = ((weights + gradients) * tokensPerSecond) / planned.tokensPerStep;
  return [
    {
      ...timeAt(tokensPerSecond, planned),
      ...{ device: name, measured: false },
      ...(ranks > 1 ? { bandwidth } : {}),
    },
  ];
}

/** This machine, with the speed of its newest run of the same sizes. */
function measuredRow(
  planned: JobPlan,
  reports: readonly RunReport[],
  devices: readonly Device[],
): readonly TimeRow[] {
  const here = devices.find(({ memory }) => memory.type === 'cpu');
  const same = reports.findLast(({ model }) => model.trainableParameters === planned.trained.total);
  const speed = same?.training.tokensPerSecond;
  if (here === undefined || speed === undefined) return [];
  return [{ ...timeAt(speed, planned), device: here.name, measured: true }];
}

function attentionOf(reports: readonly RunReport[]): Estimate['attention'] {
  const pairs = reports.map(({ evaluation: { before, after } }) => ({
    before: before?.attention,
    after: after?.attention,
  }));
  return pairs.findLast(({ before, after }) => (before ?? after) !== undefined);
}

function timeAt(tokensPerSecond: number, { totalSteps, tokensPerStep }: JobPlan) {
  const seconds =
    totalSteps === undefined ? undefined : (totalSteps * tokensPerStep) / tokensPerSecond;
  return { tokensPerSecond, seconds };
}

function recordOf(
  name: string,
  spec: FineTuneJobSpec,
  { file, volumes }: EstimateOptions,
  { cache, now }: EstimateContext,
): RunRecord {
  return {
    version: 1,
    name,
    namespace: 'default',
    folder: dirname(resolve(file)),
    spec,
    digest: '',
    volumes,
    cache,
    device: 'cpu',
    threads: 1,
    createdAt: now().toISOString(),
  };
}
