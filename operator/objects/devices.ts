// What workers on devices get beside those on processors: the extended resource, the image with
// CUDA, the runtime class, and the toleration of the taint that keeps others off such nodes.
import type { V1NodeSelectorRequirement, V1Toleration } from '@kubernetes/client-node';
import type { Worker } from '../../crds/api/worker.ts';
import { memoryLabelOf, usualDeviceResource } from '../../crds/devices/node-devices.ts';
import { parseQuantity, type Quantity } from '../../crds/schema/quantity.ts';
import type { Sent } from './sent.ts';
import type { PodSettings } from './settings.ts';

/** Key of the taint that sites give to nodes with GPUs, whatever the name of the resource is. */
const usualTaint = usualDeviceResource;

type Devices = Pick<
  Worker,
  'devicesPerWorker' | 'deviceResourceName' | 'resourceClaims' | 'runtimeClassName' | 'tolerations'
>;

/** The extended resource of a worker; undefined on processors, and where claims give devices. */
export function deviceResourceOf(
  { devicesPerWorker, deviceResourceName, resourceClaims = [] }: Devices,
  { devices }: PodSettings,
): string | undefined {
  if (devicesPerWorker === 0 || resourceClaims.length > 0) return undefined;
  return deviceResourceName ?? devices.resourceName;
}

/** Of what a job is planned for, in a word; undefined on processors. */
export function devicesInWord(worker: Devices, settings: PodSettings): string | undefined {
  return worker.devicesPerWorker === 0
    ? undefined
    : (deviceResourceOf(worker, settings) ?? 'claims');
}

const mib = 2 ** 20;

/**
 * Of a node: that its devices have so much memory by their label. A node without the label, or with
 * one that is no number, does not meet it.
 */
export function deviceRequirements(
  worker: Devices,
  settings: PodSettings,
  least: Quantity | undefined,
): readonly Sent<V1NodeSelectorRequirement>[] {
  const resourceName = deviceResourceOf(worker, settings);
  if (least === undefined || resourceName === undefined) return [];
  const below = Math.ceil(parseQuantity(least) / mib) - 1;
  return [{ key: memoryLabelOf(resourceName), operator: 'Gt', values: [String(below)] }];
}

export function runtimeClassOf(
  { devicesPerWorker, runtimeClassName }: Devices,
  { devices }: PodSettings,
): string | undefined {
  return runtimeClassName ?? (devicesPerWorker === 0 ? undefined : devices.runtimeClassName);
}

/** Where the job tolerates such a taint by itself, its own words stand alone. */
export function deviceTolerations(
  worker: Devices,
  settings: PodSettings,
): readonly Sent<V1Toleration>[] {
  if (worker.devicesPerWorker === 0) return [];
  const keys = new Set([usualTaint, deviceResourceOf(worker, settings) ?? usualTaint]);
  const own = new Set(worker.tolerations?.map(({ key }) => key));
  return [...keys]
    .filter((key) => !own.has(key))
    .map((key) => ({ key, operator: 'Exists', effect: 'NoSchedule' }));
}
