// A node: whether the cluster still reaches it, for the replacement of lost pods, and the devices
// that it has.
import * as z from 'zod';
import { type DeviceKind, deviceKinds } from '../../../crds/devices/node-devices.ts';
import type { Resource } from '../../runtime/resource.ts';
import { metadata } from './metadata.ts';

const node = z.object({
  metadata,
  spec: z
    .object({
      taints: z.array(z.object({ key: z.string(), effect: z.string().optional() })).nullish(),
    })
    .prefault({}),
  status: z
    .object({
      // Quantities; in JSON made by others they may be numbers.
      allocatable: z.record(z.string(), z.coerce.string()).nullish(),
    })
    .prefault({}),
});

export type Node = z.output<typeof node>;

export const nodes: Resource<Node> = {
  group: '',
  version: 'v1',
  plural: 'nodes',
  kind: 'Node',
  read: (raw) => node.parse(raw),
};

export function isUnreachable({ spec }: Node): boolean {
  return (spec.taints ?? []).some(({ key }) => key === 'node.kubernetes.io/unreachable');
}

/** Devices on the nodes that pods with this selector may run on. */
export function devicesOn(
  nodes: Iterable<Node>,
  selector: Readonly<Record<string, string>>,
  resourceName: string,
): readonly DeviceKind[] {
  const selected = [...nodes].filter(({ metadata: { labels } }) =>
    Object.entries(selector).every(([key, value]) => labels[key] === value),
  );
  const facts = selected.map(({ metadata: { labels }, status }) => ({
    ...{ labels, allocatable: status.allocatable ?? {} },
  }));
  return deviceKinds(facts, resourceName);
}
