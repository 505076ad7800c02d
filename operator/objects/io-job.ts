// The Jobs before and after training: `init` puts model and tokens in place before a device is taken, `publish` takes the result where it
// belongs after all devices are free. One pod each, tried again a few times by the Job controller.
import type { V1Job } from '@kubernetes/client-node';
import { childName } from '../../crds/child-names.ts';
import { annotation, Component, label } from '../../crds/labels.ts';
import { type BuiltJob, labelsOf, metadataOf } from './child.ts';
import { podFailurePolicy } from './failure-policy.ts';
import { podSpec } from './pod-template.ts';
import type { PodSettings } from './settings.ts';

interface IoJobFacts {
  readonly job: BuiltJob;
  readonly settings: PodSettings;
  readonly attempt: number;
}

/** Pods that may fail before the Job does; each has tried its network for half an hour by itself. */
const podRetries = 3;

export function initJob(facts: IoJobFacts, prepareDigest: string) {
  const { job, attempt } = facts;
  const name = childName.init(job.name, attempt);
  return ioJob(facts, name, Component.Init, 'prepare', {
    [annotation.prepareDigest]: prepareDigest,
  });
}

export function publishJob(facts: IoJobFacts) {
  const { job, attempt } = facts;
  return ioJob(facts, childName.publish(job.name, attempt), Component.Publish, 'publish', {});
}

function ioJob(
  { job, settings, attempt }: IoJobFacts,
  name: string,
  component: 'init' | 'publish',
  role: 'prepare' | 'publish',
  annotations: Readonly<Record<string, string>>,
) {
  const labels = { [label.attempt]: String(attempt) };
  return {
    metadata: metadataOf(job, name, component, { labels, annotations }),
    spec: {
      completions: 1,
      parallelism: 1,
      backoffLimit: podRetries,
      podReplacementPolicy: 'Failed',
      // The rules of the job are about workers; here the table alone decides.
      podFailurePolicy: podFailurePolicy({ rules: [] }),
      template: {
        metadata: { labels: { ...labelsOf(job, component), ...labels } },
        spec: podSpec({ job, role, settings }),
      },
    },
  } satisfies V1Job;
}
