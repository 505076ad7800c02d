// The Jobs before and after training: `init` puts model and tokens in place before a device is
// taken, `publish` takes the result where it belongs after all devices are free. One pod each,
// tried again a few times by the Job controller.
import type { V1Job, V1ResourceRequirements } from '@kubernetes/client-node';
import { childName } from '../../crds/names/child-names.ts';
import { annotation, Component, label } from '../../crds/names/labels.ts';
import { type BuiltJob, labelsOf, metadataOf } from './child.ts';
import { deviceTolerations } from './devices.ts';
import { podFailurePolicy } from './failure-policy.ts';
import { networkLabels } from './network-policy.ts';
import { podSpec } from './pod-template.ts';
import { type PlannedMemory, prepareResources, publishResources } from './resources.ts';
import { auxiliaryQueue, queueLabels, tolerationsOf } from './scheduling.ts';
import type { Sent } from './sent.ts';
import type { PodSettings } from './settings.ts';

interface IoJobFacts {
  readonly job: BuiltJob;
  readonly settings: PodSettings;
  readonly attempt: number;
}

/**
 * Pods that may fail before the Job does; each has tried its network for half an hour by itself.
 */
const podRetries = 3;

export function initJob(facts: IoJobFacts, prepareDigest: string) {
  const { job, attempt } = facts;
  const name = childName.init(job.name, attempt);
  return ioJob(facts, {
    ...{ name, component: Component.Init, role: 'prepare' },
    annotations: { [annotation.prepareDigest]: prepareDigest },
    resources: prepareResources(facts.settings),
  });
}

export function publishJob(facts: IoJobFacts & { readonly planned?: PlannedMemory | undefined }) {
  const { job, attempt, settings, planned } = facts;
  const name = childName.publish(job.name, attempt);
  return ioJob(facts, {
    ...{ name, component: Component.Publish, role: 'publish', annotations: {} },
    resources: publishResources(settings, planned),
  });
}

interface IoJobParts {
  readonly name: string;
  readonly component: 'init' | 'publish';
  readonly role: 'prepare' | 'publish';
  readonly annotations: Readonly<Record<string, string>>;
  readonly resources: V1ResourceRequirements;
}

function ioJob(
  { job, settings, attempt }: IoJobFacts,
  { name, component, role, annotations, resources }: IoJobParts,
) {
  const network = networkLabels(job, component, settings);
  const labels = { [label.attempt]: String(attempt), ...network };
  const queueName = auxiliaryQueue(job.spec);
  const pod = podSpec({ job, role, settings });
  return {
    metadata: metadataOf(job, name, component, {
      labels: { ...labels, ...queueLabels(job, queueName) },
      annotations,
    }),
    spec: {
      suspend: queueName !== undefined,
      completions: 1,
      parallelism: 1,
      backoffLimit: podRetries,
      podReplacementPolicy: 'Failed',
      // The rules of the job are about workers; here the table alone decides.
      podFailurePolicy: podFailurePolicy({ rules: [] }),
      template: {
        metadata: { labels: { ...labelsOf(job, component), ...labels } },
        spec: {
          ...pod,
          ...placement(job, settings),
          containers: pod.containers.map((container) => ({ ...container, resources })),
        },
      },
    },
  } satisfies Sent<Pick<V1Job, 'metadata' | 'spec'>>;
}

/**
 * As workers: a volume that is bound where its first pod runs must be one that they can reach.
 * Nodes with devices are left to workers, unless the job names its nodes.
 */
function placement(job: BuiltJob, settings: PodSettings) {
  const { nodeSelector, priorityClassName, affinity } = job.spec.worker;
  const { nodeAffinity } = affinity ?? {};
  const isPlaced = nodeSelector !== undefined || nodeAffinity !== undefined;
  return {
    tolerations: tolerationsOf(job, isPlaced ? deviceTolerations(job.spec.worker, settings) : []),
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
    ...(nodeAffinity === undefined ? {} : { affinity: { nodeAffinity } }),
  };
}
