// Processor and memory of a container: what the job says, else what its plan says, else what
// the site gives to pods of that kind. Each is asked for, so that a namespace with a quota lets the
// pods in and a scheduler knows what to reserve.
import type { V1ResourceRequirements } from '@kubernetes/client-node';
import { memoryConstants } from '../../crds/plan/memory-constants.ts';
import { trainersOfPod } from '../../crds/plan/world.ts';
import { formatBytes, parseQuantity } from '../../crds/schema/quantity.ts';
import type { BuiltJob } from './child.ts';
import { deviceResourceOf } from './devices.ts';
import type { PodSettings, ResourceMaps } from './settings.ts';

/** Of a plan, in bytes; a plan is known once model and data are. */
export interface PlannedMemory {
  /** With every block computed again: less than this does not do. */
  readonly least: number;
  /** With all that is worth keeping: more than this is not used. */
  readonly most: number;
  readonly publish: number;
}

/** The supervisor beside its trainers. */
const supervisorBytes = 128 * 2 ** 20;
/**
 * What lies beyond a plan is reclaimed or is its error: a pod must not die of either after days of
 * training.
 */
const publishSpare = 1.5;

export function prepareResources({ resources }: PodSettings): V1ResourceRequirements {
  return textsOf(resources.prepare);
}

/**
 * In the pod of a worker: what that has anyway, so that the pod as a whole asks for no more and is
 * limited by no more.
 */
export function preparationResources(
  settings: PodSettings,
  { limits }: V1ResourceRequirements,
): V1ResourceRequirements {
  const site = prepareResources(settings);
  const { memory } = limits ?? {};
  return { ...site, limits: { ...site.limits, ...(memory === undefined ? {} : { memory }) } };
}

export function publishResources(
  { resources: { publish: site } }: PodSettings,
  planned: PlannedMemory | undefined,
): V1ResourceRequirements {
  if (planned === undefined) return textsOf(site);
  const needed = planned.publish + supervisorBytes;
  return textsOf({
    requests: { ...site.requests, memory: larger(site.requests['memory'], needed) },
    limits: { ...site.limits, memory: larger(site.limits['memory'], publishSpare * needed) },
  });
}

interface WorkerMemory {
  readonly planned: PlannedMemory | undefined;
  /** What `/dev/shm` may hold: it counts against the limit of the container. */
  readonly sharedBytes: number;
  /** By how much it was raised after the memory did not do. */
  readonly factor: number;
}

/**
 * Devices, and memory that the job names, are given and limited alike; of the processor only the
 * request is ours.
 */
export function workerResources(
  { spec }: BuiltJob,
  settings: PodSettings,
  { planned, sharedBytes, factor }: WorkerMemory,
): V1ResourceRequirements & { claims?: { name: string }[] } {
  const { resources: own, resourceClaims } = spec.worker;
  const site = forTrainers(settings.resources.worker, spec.worker.devicesPerWorker);
  const memory = own?.limits?.['memory'] ?? own?.requests?.['memory'];
  const least = memory ?? plannedBytes(planned?.least, sharedBytes);
  const most = memory ?? plannedBytes(planned?.most, sharedBytes);
  const resourceName = deviceResourceOf(spec.worker, settings);
  const devices =
    resourceName === undefined ? {} : { [resourceName]: spec.worker.devicesPerWorker };
  const cpu = own?.limits?.['cpu'] === undefined ? {} : { cpu: own.limits['cpu'] };
  // A limit of the site is for those who say nothing of the processor.
  const { cpu: _, ...siteLimits } = site.limits;
  const limits = own?.requests?.['cpu'] === undefined ? site.limits : siteLimits;
  const texts = textsOf({
    requests: {
      ...site.requests,
      ...cpu,
      ...own?.requests,
      ...memoryOf(least, factor),
      ...devices,
    },
    limits: { ...limits, ...own?.limits, ...memoryOf(most, factor), ...devices },
  });
  return resourceClaims === undefined
    ? texts
    : { ...texts, claims: resourceClaims.map(({ name }) => ({ name })) };
}

type Quantities = ResourceMaps['requests'];

/** What a site gives of the processor is for one process that trains. */
function forTrainers({ requests, limits }: ResourceMaps, devices: number): ResourceMaps {
  const trainers = trainersOfPod(devices);
  const scaled = (map: Quantities): Quantities => {
    const { cpu } = map;
    if (cpu === undefined || trainers === 1) return map;
    return { ...map, cpu: `${Math.ceil(1000 * parseQuantity(cpu)) * trainers}m` };
  };
  return { requests: scaled(requests), limits: scaled(limits) };
}

function memoryOf(value: string | number | undefined, factor: number): Quantities {
  if (value === undefined) return {};
  return {
    memory: factor === 1 ? value : String(Math.ceil(parseQuantity(value) * factor)),
  };
}

/**
 * The trainer keeps what fits into a share of what is free: it gets so much that its plan is that
 * share.
 */
function plannedBytes(bytes: number | undefined, sharedBytes: number): string | undefined {
  if (bytes === undefined) return undefined;
  return inMebibytes(bytes / memoryConstants.cpu.usable + sharedBytes + supervisorBytes);
}

function larger(known: string | number | undefined, bytes: number): string | number {
  return known !== undefined && parseQuantity(known) >= bytes ? known : inMebibytes(bytes);
}

function inMebibytes(bytes: number): string {
  return formatBytes(Math.ceil(bytes / 2 ** 20) * 2 ** 20);
}

/** As the API server writes them. */
export function textsOf({ requests, limits }: ResourceMaps): V1ResourceRequirements {
  const texts = (map: Quantities) =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value)]));
  return { requests: texts(requests), limits: texts(limits) };
}
