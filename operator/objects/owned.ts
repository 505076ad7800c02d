// Objects of a kind beside jobs: the labels by which its children are found, who owns them, and a
// Job that has one pod at a time.
import type { V1PodSpec } from '@kubernetes/client-node';
import { apiVersion } from '../../crds/names/group.ts';
import { annotation, label } from '../../crds/names/labels.ts';
import { managedLabels } from './child.ts';
import { podFailurePolicy } from './failure-policy.ts';

interface Named {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

interface OwnedKind {
  /** Labels that have the name and the UID of the owner. */
  readonly labels: { readonly name: string; readonly uid: string };
  readonly component: string;
}

export function ownedLabels({ name, uid }: Omit<Named, 'namespace'>, kind: OwnedKind) {
  return {
    [kind.labels.name]: name,
    [kind.labels.uid]: uid,
    [label.component]: kind.component,
    ...managedLabels,
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/component': kind.component,
  };
}

export function ownedMetadata(
  owner: Named,
  child: string,
  kind: OwnedKind & { readonly kind: string },
) {
  const { name, namespace, uid } = owner;
  const reference = { apiVersion, kind: kind.kind, name, uid };
  return {
    ...{ name: child, namespace, labels: ownedLabels(owner, kind) },
    ownerReferences: [{ ...reference, controller: true, blockOwnerDeletion: true }],
  };
}

interface OnePod {
  readonly metadata: ReturnType<typeof ownedMetadata>;
  /** Of the owner: a Job of another one goes before its successor comes. */
  readonly generation: number;
  /** Pods that may fail before the Job does. */
  readonly retries: number;
  readonly pod: V1PodSpec;
}

/** A pod is replaced when it has ended: two would write to the same folders. */
export function onePodJob({ metadata, generation, retries, pod }: OnePod) {
  return {
    metadata: { ...metadata, annotations: { [annotation.generation]: String(generation) } },
    spec: {
      ...{ completions: 1, parallelism: 1, backoffLimit: retries },
      podReplacementPolicy: 'Failed',
      podFailurePolicy: podFailurePolicy({ rules: [] }),
      template: { metadata: { labels: metadata.labels }, spec: pod },
    },
  };
}
