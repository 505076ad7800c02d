// The object by which a scheduler starts all workers or none, in the spelling of three schedulers,
// and what pods say to belong to it.
import type { V1PodSpec } from '@kubernetes/client-node';
import { childName } from '../../crds/names/child-names.ts';
import { Component } from '../../crds/names/labels.ts';
import { type BuiltJob, metadataOf } from './child.ts';
import type { PodSettings } from './settings.ts';

/** Schedulers that know gangs. */
export type GangFlavour = 'Native' | 'Coscheduling' | 'Volcano';

export const podGroupResources = {
  Native: { group: 'scheduling.k8s.io', version: 'v1beta1' },
  Coscheduling: { group: 'scheduling.x-k8s.io', version: 'v1alpha1' },
  Volcano: { group: 'scheduling.volcano.sh', version: 'v1beta1' },
} as const satisfies Record<GangFlavour, object>;

interface GangSize {
  readonly workerRevision: number;
  readonly members: number;
}

export function podGroup(
  job: BuiltJob,
  flavour: GangFlavour,
  { workerRevision, members }: GangSize,
) {
  const metadata = metadataOf(job, childName.workers(job.name, workerRevision), Component.Worker);
  switch (flavour) {
    case 'Native':
      return { metadata, spec: { schedulingPolicy: { gang: { minCount: members } } } };
    case 'Coscheduling': {
      const { schedulingTimeoutSeconds: scheduleTimeoutSeconds } = job.spec.scheduling;
      return { metadata, spec: { minMember: members, scheduleTimeoutSeconds } };
    }
    case 'Volcano': {
      const { priorityClassName } = job.spec.worker;
      const priority = priorityClassName === undefined ? {} : { priorityClassName };
      return { metadata, spec: { minMember: members, ...priority } };
    }
    default:
      return flavour satisfies never;
  }
}

interface GangMembership {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Pick<V1PodSpec, 'schedulerName'> & {
    readonly schedulingGroup?: { readonly podGroupName: string };
  };
}

export function gangMembership(
  flavour: GangFlavour | undefined,
  podGroupName: string,
  { coschedulingScheduler }: PodSettings,
): GangMembership {
  const none = { labels: {}, annotations: {}, spec: {} };
  switch (flavour) {
    case undefined:
      return none;
    case 'Native':
      return { ...none, spec: { schedulingGroup: { podGroupName } } };
    case 'Coscheduling':
      return {
        ...none,
        labels: { 'scheduling.x-k8s.io/pod-group': podGroupName },
        spec: { schedulerName: coschedulingScheduler },
      };
    case 'Volcano':
      return {
        ...none,
        annotations: { 'scheduling.k8s.io/group-name': podGroupName },
        spec: { schedulerName: 'volcano' },
      };
    default:
      return flavour satisfies never;
  }
}
