// The GPUs that the nodes of a cluster offer to jobs, and what the labels of GPU feature discovery
// tell of them.
import * as z from 'zod';
import {
  type DeviceKind,
  deviceKinds,
  memoryLabelOf,
  usualDeviceResource,
} from '../../crds/devices/node-devices.ts';
import { toAnnealError } from '../../crds/index.ts';
import type { Kube } from '../client/kube.ts';
import { listAll } from '../client/kube-watch.ts';
import { bytes } from '../terminal/numbers.ts';
import type { Check } from './check.ts';

const node = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()).default({}) }),
  status: z
    .object({ allocatable: z.record(z.string(), z.string()).default({}) })
    .default({ allocatable: {} }),
});

/** Whole devices, and instances of divided ones. */
const ofDevices = /^nvidia\.com\/(gpu|mig-[a-z0-9.]+)$/;

const name = 'GPUs';

/** One line for each extended resource. */
export async function checkClusterDevices(
  kube: Kube,
  signal: AbortSignal,
): Promise<readonly Check[]> {
  try {
    const { objects } = await listAll(kube, { path: '/api/v1/nodes' }, signal);
    const nodes = objects.flatMap((object) => {
      const { data } = node.safeParse(object);
      return data === undefined
        ? []
        : [{ labels: data.metadata.labels, allocatable: data.status.allocatable }];
    });
    const names = new Set(nodes.flatMap(({ allocatable }) => Object.keys(allocatable)));
    const offered = [...names]
      .filter((resource) => ofDevices.test(resource))
      .toSorted()
      .map((resource) => ({ resource, kinds: deviceKinds(nodes, resource) }))
      .filter(({ kinds }) => kinds.length > 0);
    if (offered.length > 0) return offered.map(checkOf);
    const observed = `no node offers ${usualDeviceResource}; jobs train on processors`;
    return [{ name, state: 'Unused', observed }];
  } catch (thrown) {
    signal.throwIfAborted();
    return [{ name, state: 'Unused', observed: `not known: ${toAnnealError(thrown).message}` }];
  }
}

interface Offered {
  readonly resource: string;
  readonly kinds: readonly DeviceKind[];
}

function checkOf({ resource, kinds }: Offered): Check {
  const words = kinds.map(({ product = 'device', bytes: size, devices, nodes }) => {
    const memory = size === undefined ? 'unknown memory' : bytes(size);
    return `${devices} × ${product} of ${memory} on ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`;
  });
  const observed = `${resource}: ${words.join(', ')}`;
  if (kinds.every(({ bytes: size }) => size !== undefined)) {
    return { name, state: 'Passed', observed };
  }
  const fix = `GPU feature discovery writes the label ${memoryLabelOf(resource)}; without it, jobs.devices.memory of the chart or spec.worker.deviceMemory tells`;
  return { name, state: 'Warning', observed, fix };
}
