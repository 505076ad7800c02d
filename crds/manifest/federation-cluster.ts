// What a hub and a client of a federation say on a cluster alone, and what they cannot have there.
import { isDeepStrictEqual } from 'node:util';
import type { FederationSpec } from '../api/federation.ts';
import type { FederationPeerSpec } from '../api/federation-peer.ts';
import { specFields } from '../api/spec.ts';
import type { RefusedField } from './only-document.ts';

/** Fields that say on a cluster what the command says on one machine. */
export function ofCluster(
  spec: Pick<FederationSpec | FederationPeerSpec, 'bus' | 'pod'>,
): readonly RefusedField[] {
  const said = {
    bus: 'here --bus, --key and --authority say how the others are reached',
    pod: 'here the command runs on this machine, with its state in the cache',
  } as const;
  return (['bus', 'pod'] as const)
    .filter((field) => spec[field] !== undefined)
    .map((field) => ({
      path: [field],
      message: `spec.${field} is set, and ${said[field]}`,
      hint: 'leave it out; it is for an object on a cluster',
    }));
}

export function refusedHubOnCluster(spec: FederationSpec): readonly RefusedField[] {
  const { template } = spec;
  const { model, dataset, output } = template;
  return [
    ...lacking(spec),
    ...notClaimed(['template', 'model', 'source'], model.source),
    ...notClaimed(['template', 'dataset', 'train'], dataset.train),
    ...notClaimed(['template', 'dataset', 'eval'], dataset.eval),
    ...notClaimed(['template', 'output', 'destination'], output.destination),
    ...idleOfPods(template),
  ];
}

export function refusedClientOnCluster(spec: FederationPeerSpec): readonly RefusedField[] {
  return [
    ...lacking(spec),
    ...notClaimed(['model', 'source'], spec.model.source),
    ...notClaimed(['train'], spec.train),
  ];
}

/** The API server refuses it first; another version of the definition may not have. */
function lacking({ bus, pod }: Pick<FederationSpec, 'bus' | 'pod'>): readonly RefusedField[] {
  return Object.entries({ bus, pod })
    .filter(([, value]) => value === undefined)
    .map(([field]) => ({
      path: [field],
      message: `spec.${field} is missing; on a cluster it must say how the pod reaches the others and where it keeps its state`,
    }));
}

/** Pods of a federation have no way out but the bus, and no keys of hubs and buckets. */
function notClaimed(
  path: readonly string[],
  place: { readonly persistentVolumeClaim?: unknown } | undefined,
): readonly RefusedField[] {
  if (place === undefined || place.persistentVolumeClaim !== undefined) return [];
  const [member = 'nothing'] = Object.keys(place);
  return [
    {
      path,
      message: `spec.${path.join('.')} is ${member}; a pod of a federation reaches the bus and no other place, so it must be persistentVolumeClaim`,
      hint: 'put the files on a claim of this namespace',
    },
  ];
}

const ofPods = [
  ...(['worker', 'parallelism', 'scheduling', 'storage', 'network', 'observability'] as const),
  ...(['suspend', 'activeDeadlineSeconds', 'ttlSecondsAfterFinished'] as const),
  ...(['podCleanupPolicy', 'deletionPolicy', 'managedBy'] as const),
] as const;

/** A hub has one pod of its own, on processors, which none of these is about. */
function idleOfPods(template: FederationSpec['template']): readonly RefusedField[] {
  return ofPods
    .filter(
      (field) => !isDeepStrictEqual(template[field], specFields.shape[field].parse(undefined)),
    )
    .map((field) => ({
      path: ['template', field],
      message: `spec.template.${field} is set, and does nothing for the pod of a hub`,
      hint: 'leave it out; spec.pod says what the pod has, which computes on processors',
    }));
}
