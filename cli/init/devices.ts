// Candidate devices: the GPUs of a cluster, the processor of this machine, and common GPUs for a
// future cluster. Product and memory come from the node labels of NVIDIA's feature discovery;
// without them only the number is known.
import * as z from 'zod';
import {
  type DeviceKind,
  deviceKinds,
  usualDeviceResource,
} from '../../crds/devices/node-devices.ts';
import type { FoundDevices } from '../devices/find-devices.ts';
import {
  cardOf,
  type Device,
  gpuOf,
  gpusHere,
  knownDevices,
  thisMachine,
} from '../estimate/devices.ts';
import { bytes } from '../terminal/numbers.ts';
import type { DeviceOption } from './questions.ts';

const node = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()).default({}) }),
  spec: z.object({ unschedulable: z.boolean().default(false) }).default({ unschedulable: false }),
  status: z
    .object({ allocatable: z.record(z.string(), z.string()).default({}) })
    .default({ allocatable: {} }),
});

interface Machine {
  readonly freeBytes: number;
  readonly cores: number;
  readonly devices?: FoundDevices;
}

/** The GPUs of the cluster, or why they are unknown. */
export type ClusterDevices =
  | { readonly type: 'Nodes'; readonly cluster: string; readonly nodes: readonly object[] }
  | { readonly type: 'Unknown'; readonly why: string };

/** Given by a flag. */
export const givenDevice = 'given';

/** The recommended device first: an existing GPU, otherwise the processor. */
export function deviceOptions(
  cluster: ClusterDevices | null,
  machine: Machine,
  givenBytes?: number,
): readonly DeviceOption[] {
  const local = machine.devices === undefined ? [] : localGpus(machine.devices);
  const gpus = [...local, ...(cluster?.type === 'Nodes' ? clusterGpus(cluster) : [])];
  const given = givenBytes === undefined ? [] : [gpuOf(givenBytes)];
  return [
    ...gpus,
    processor(machine),
    ...knownDevices.map(commonGpu),
    ...given.map((device) => ({ id: givenDevice, label: device.name, why: '', device })),
  ];
}

/** The GPUs of a cluster's nodes. */
export function gpusOf(
  nodes: readonly object[],
  cluster: string,
  resourceName: string,
): readonly Device[] {
  return clusterGpus({ type: 'Nodes', cluster, nodes }, resourceName).map(({ device }) => device);
}

function localGpus(found: FoundDevices): readonly DeviceOption[] {
  return gpusHere(found).map((device, index) => {
    const kernels = found.hasKernels
      ? 'anneal run starts the job there.'
      : 'This installation has no CUDA kernels yet: ANNEAL_CUDA=1 npm run native builds them.';
    const name = found.cards[index]?.name ?? '';
    const why = `${name} in this machine, ${memoryWords(device)}. ${kernels}`;
    return { id: `cuda:${index}`, label: `cuda:${index} of this machine, ${name}`, why, device };
  });
}

function memoryWords({ memory }: Device): string {
  return memory.bytes === 0 ? 'of unknown memory' : `with ${bytes(memory.bytes)}`;
}

function processor({ freeBytes, cores }: Machine): DeviceOption {
  const device = thisMachine(freeBytes, cores);
  const why = `The processor of this machine: ${cores} ${cores === 1 ? 'core' : 'cores'}, ${bytes(freeBytes)} of memory are free now. anneal run needs nothing else.`;
  return { id: 'processor', label: 'the processor of this machine', why, device };
}

function commonGpu(device: Device): DeviceOption {
  const { name, memory } = device;
  const why = `${name} with ${bytes(memory.bytes)}, on another cluster.`;
  return { id: name, label: `${name}, elsewhere`, why, device };
}

function clusterGpus(
  { cluster, nodes }: Extract<ClusterDevices, { type: 'Nodes' }>,
  resourceName = usualDeviceResource,
) {
  const schedulable = nodes.flatMap((object) => {
    const { data } = node.safeParse(object);
    if (data === undefined || data.spec.unschedulable) return [];
    return [{ labels: data.metadata.labels, allocatable: data.status.allocatable }];
  });
  return deviceKinds(schedulable, resourceName).map((kind) => clusterGpu(kind, cluster));
}

function clusterGpu(
  { product: name = 'GPU', bytes: size, devices: count }: DeviceKind,
  cluster: string,
): DeviceOption {
  const device = cardOf(name, size);
  const memory = memoryWords(device);
  const why = `${count} in ${cluster}, each ${memory}. anneal submit starts the job there.`;
  return { id: `cluster ${name}`, label: `1 of ${count} ${name} in ${cluster}`, why, device };
}
