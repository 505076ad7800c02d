// Stable names for worker pods: `<job>-w<revision>-<index>.<job>`. For people and debugging;
// workers find each other through the bus.
import type { V1Service } from '@kubernetes/client-node';
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { childName } from '../../crds/names/child-names.ts';
import { Component, label } from '../../crds/names/labels.ts';
import { type BuiltJob, metadataOf } from './child.ts';

export function hasService({ network, worker }: FineTuneJobSpec): boolean {
  const { headlessService = worker.replicas > 1 ? 'Enabled' : 'Disabled' } = network;
  return headlessService === 'Enabled';
}

export function headlessService(job: BuiltJob) {
  return {
    metadata: metadataOf(job, childName.service(job.name)),
    spec: {
      clusterIP: 'None',
      // A worker looks for the others before it is ready itself.
      publishNotReadyAddresses: true,
      selector: { [label.jobUid]: job.uid, [label.component]: Component.Worker },
    },
  } satisfies V1Service;
}
