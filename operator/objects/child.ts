// What all objects of a job have in common: owner, labels, and the digest of the plan they were
// made for.
import type { V1OwnerReference } from '@kubernetes/client-node';
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { apiVersion, group, kind } from '../../crds/names/group.ts';
import { annotation, type Component, label } from '../../crds/names/labels.ts';

/** A job as builders see it. */
export interface BuiltJob {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly spec: FineTuneJobSpec;
  readonly planDigest: string;
  /** Trace that the job is to be part of, given by its creator. */
  readonly traceparent?: string | undefined;
}

function ownerOf({ name, uid }: BuiltJob): V1OwnerReference {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Of everything that the operator makes. */
export const managedLabels = {
  'app.kubernetes.io/name': 'anneal',
  'app.kubernetes.io/managed-by': group,
} as const;

/** Labels by which a child, and a pod of a child, is found again. */
export function labelsOf(job: BuiltJob, component?: Component): Record<string, string> {
  return {
    [label.jobName]: job.name,
    [label.jobUid]: job.uid,
    ...(component === undefined ? {} : { [label.component]: component }),
    ...managedLabels,
    'app.kubernetes.io/instance': job.name,
    ...(component === undefined ? {} : { 'app.kubernetes.io/component': component }),
  };
}

export function metadataOf(
  job: BuiltJob,
  name: string,
  component?: Component,
  extra: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  } = {},
) {
  return {
    name,
    namespace: job.namespace,
    labels: { ...labelsOf(job, component), ...extra.labels },
    annotations: { [annotation.planDigest]: job.planDigest, ...extra.annotations },
    ownerReferences: [ownerOf(job)],
  };
}
