// Children of which only their being there matters: what they should contain is in an annotation
// that we wrote.
import * as z from 'zod';
import { adapterNames, group, version } from '../../../crds/names/group.ts';
import type { KubeObject, Resource } from '../../runtime/resource.ts';
import { metadata } from './metadata.ts';

const child = z.object({ metadata });

export type ChildObject = KubeObject;

function childResource(group: string, version: string, plural: string, kind: string) {
  const read = (raw: unknown): ChildObject => child.parse(raw);
  return { group, version, plural, kind, read } satisfies Resource<ChildObject>;
}

export const services = childResource('', 'v1', 'services', 'Service');
export const networkPolicies = childResource(
  'networking.k8s.io',
  'v1',
  'networkpolicies',
  'NetworkPolicy',
);
export const configMaps = childResource('', 'v1', 'configmaps', 'ConfigMap');
export const adapters = childResource(group, version, adapterNames.plural, adapterNames.kind);
export const claims = childResource('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim');

export function podGroups({
  group,
  version,
}: {
  readonly group: string;
  readonly version: string;
}) {
  return childResource(group, version, 'podgroups', 'PodGroup');
}
