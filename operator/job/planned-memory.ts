// The memory that a step takes, once model and data are known: of a device, where its size is
// known, and of the pods. Where nodes have devices of several sizes, the plan tells which fit.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import { type DeviceKind, usableBytes } from '../../crds/devices/node-devices.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { type JobPlan, planJob } from '../../crds/plan/job-plan.ts';
import type { MemoryPlan } from '../../crds/plan/memory.ts';
import type { MemoryQuestion } from '../../crds/plan/memory-question.ts';
import { processorOf, unlimited } from '../../crds/plan/processor.ts';
import type { StagePeak } from '../../crds/plan/stage-peak.ts';
import { fewestWorkers, plannedWorld, trainersOfPod } from '../../crds/plan/world.ts';
import { formatBytes, parseQuantity } from '../../crds/schema/quantity.ts';
import type { TerminationMessage } from '../../crds/wire/termination-message.ts';
import type { DeviceSettings } from '../objects/settings.ts';

type Prepared = NonNullable<TerminationMessage['prepared']>;
type StatusMemory = NonNullable<NonNullable<FineTuneJobStatus['plan']>['memory']>;

interface JobOnSite {
  readonly spec: FineTuneJobSpec;
  readonly prepared: Prepared;
  readonly devices: Pick<DeviceSettings, 'memoryBytes'>;
  /** That the nodes have; empty where nobody may look. */
  readonly kinds: readonly DeviceKind[];
}

/**
 * For the fewest workers that may train: fewer hold larger parts of the model each. Throws where no
 * device that is known can hold the plan.
 */
export function plannedMemoryOf(job: JobOnSite): StatusMemory {
  const workers = fewestWorkers(job.spec.worker);
  const trainers = trainersOfPod(job.spec.worker.devicesPerWorker);
  return { ...ofWorkers(withWorkers(job, workers)), workers, trainers };
}

function withWorkers({ spec, ...site }: JobOnSite, replicas: number): JobOnSite {
  return { ...site, spec: { ...spec, worker: { ...spec.worker, replicas } } };
}

function ofWorkers(job: JobOnSite): StatusMemory {
  if (job.spec.worker.devicesPerWorker === 0) return onProcessor(job);
  const { plan, leastDevice } = onDevices(job);
  return {
    ...(plan === undefined ? {} : partsOf(plan.memory)),
    ...(leastDevice === undefined ? {} : { leastDevice: whole(leastDevice) }),
    ...beside(job, plan),
  };
}

function onProcessor({ spec, prepared }: JobOnSite): StatusMemory {
  const unbounded = { type: 'cpu', bytes: unlimited } as const;
  const stages = (each: FineTuneJobSpec) => planOf(each, prepared, unbounded).memory.stages;
  return {
    // What a processor has free is known to nobody before: the plan is told, and tried.
    ...partsOf(planOf(spec, prepared, processorOf(spec.worker)).memory),
    ...amountsOf(
      spec,
      isFree(spec) ? stages(recomputing(spec, 'Full')) : stages(spec),
      stages(spec),
    ),
  };
}

interface Fitting {
  /** For the smallest device that fits; undefined where no size is known. */
  readonly plan: JobPlan | undefined;
  /** Memory, by its label, that keeps workers off nodes that do not fit; undefined: all fit. */
  readonly leastDevice: number | undefined;
}

function onDevices(job: JobOnSite): Fitting {
  const { spec, prepared } = job;
  const sizes = sizesOf(job);
  const planned = sizes
    .filter((size) => size.bytes !== undefined)
    .map((size) => ({ ...size, plan: planOf(spec, prepared, cuda(size.bytes)) }));
  const fitting = planned.filter(({ plan }) => plan.memory.fits);
  const smallest = fitting.at(-1);
  if (smallest !== undefined) {
    const all = fitting.length === sizes.length;
    return { plan: smallest.plan, leastDevice: all ? undefined : smallest.labelled };
  }
  // A node that does not tell the memory of its devices may have larger ones.
  if (planned.length < sizes.length || planned.length === 0) {
    return { plan: undefined, leastDevice: undefined };
  }
  throw new UserError({ code: 'E_DOES_NOT_FIT', message: misfit(spec, planned) });
}

interface Size {
  /** That programs can use; undefined where no label tells. */
  readonly bytes: number | undefined;
  readonly labelled: number | undefined;
  readonly words: string;
}

/** Largest first. */
function sizesOf({ spec, devices, kinds }: JobOnSite): readonly Size[] {
  const { deviceMemory } = spec.worker;
  const told = deviceMemory === undefined ? undefined : parseQuantity(deviceMemory);
  if (told !== undefined) return [sizeOf(told)];
  if (kinds.some(({ bytes }) => bytes !== undefined)) {
    return kinds.map(({ bytes, product = 'devices', nodes }) => ({
      ...{ bytes: bytes === undefined ? undefined : usableBytes(bytes), labelled: bytes },
      words: `${product} on ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`,
    }));
  }
  return devices.memoryBytes === undefined ? [] : [sizeOf(devices.memoryBytes)];
}

function sizeOf(bytes: number): Size {
  return { bytes, labelled: undefined, words: '' };
}

function misfit(
  { worker: { elasticity, replicas } }: FineTuneJobSpec,
  planned: readonly (Size & { readonly plan: JobPlan })[],
): string {
  const peak = Math.min(...planned.map(({ plan }) => plan.memory.peak));
  const step = elasticity === 'None' ? 'a step' : `a step of minReplicas, ${replicas},`;
  const [first, ...others] = planned;
  if (first?.words === '' || first === undefined) {
    return `${step} needs ${inGibibytes(peak)} on a device of ${inGibibytes(first?.bytes ?? 0)}`;
  }
  const each = [first, ...others].map(
    ({ words, bytes = 0 }) => `${words} (${inGibibytes(bytes)} usable)`,
  );
  return `${step} needs ${inGibibytes(peak)} on a device; the cluster has ${each.join(', ')}`;
}

/** Memory of the process beside a device, which a pod must have, and of publishing. */
function beside({ spec, prepared }: JobOnSite, plan: JobPlan | undefined) {
  const host = (each: FineTuneJobSpec) =>
    planOf(each, prepared, cuda(unlimited)).host?.stages ?? [];
  if (plan?.host !== undefined) return amountsOf(spec, plan.host.stages, plan.host.stages);
  // How much is offloaded to the host depends on the device: at most all of it.
  const most = isFree(spec) ? host(recomputing(spec, 'Offload')) : host(spec);
  return amountsOf(spec, host(spec), most);
}

/** Of a pod: its trainers are alike, and another process writes the result. */
function amountsOf(
  { worker }: FineTuneJobSpec,
  least: readonly StagePeak[],
  most: readonly StagePeak[],
) {
  const isPublish = ({ stage }: StagePeak) => stage === 'Publish';
  const trains = (stages: readonly StagePeak[]) =>
    trainersOfPod(worker.devicesPerWorker) * peakOf(stages.filter((stage) => !isPublish(stage)));
  return {
    least: whole(trains(least)),
    most: whole(trains(most)),
    publish: whole(peakOf(most.filter(isPublish))),
  };
}

function peakOf(stages: readonly StagePeak[]): number {
  return Math.max(0, ...stages.map(({ peak }) => peak));
}

function partsOf({ parts, peak, limit }: MemoryPlan): StatusMemory {
  const { weights, optimizer, gradients, activations, workspace } = parts;
  return {
    weights: whole(weights),
    optimizer: whole(optimizer),
    gradients: whole(gradients),
    activations: whole(activations),
    workspace: whole(workspace),
    peak: whole(peak),
    ...(limit === unlimited ? {} : { limit: whole(limit) }),
  };
}

type Recomputation = FineTuneJobSpec['parallelism']['activationRecomputation'];

function isFree({ parallelism }: FineTuneJobSpec): boolean {
  return parallelism.activationRecomputation === 'Auto';
}

function recomputing(
  spec: FineTuneJobSpec,
  activationRecomputation: Recomputation,
): FineTuneJobSpec {
  return { ...spec, parallelism: { ...spec.parallelism, activationRecomputation } };
}

function cuda(bytes: number | undefined = unlimited): MemoryQuestion['device'] {
  return { type: 'cuda', bytes };
}

function planOf(
  spec: FineTuneJobSpec,
  { model, dataset }: Prepared,
  device: MemoryQuestion['device'],
): JobPlan {
  const ranks = plannedWorld(spec.worker, spec.parallelism).ranks.length;
  return planJob({
    ...{ spec, device, ranks },
    facts: model.facts,
    storedBfloat16: model.storedBfloat16 ?? 0,
    shards: spec.parallelism.strategy === 'DataParallel' ? 1 : ranks,
    data: {
      sequences: dataset.sequences,
      targetShare: dataset.tokens === 0 ? 1 : dataset.targetTokens / dataset.tokens,
      longest: dataset.longest,
      meanLength: dataset.sequences === 0 ? 0 : dataset.tokens / dataset.sequences,
    },
  });
}

function whole(bytes: number): string {
  return formatBytes(Math.ceil(bytes));
}

function inGibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
