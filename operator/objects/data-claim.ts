// The claim that a job asks for by `storage.data.volumeClaimTemplate`. Created once, deleted with
// the job, never changed.
import type { V1PersistentVolumeClaim } from '@kubernetes/client-node';
import { childName } from '../../crds/names/child-names.ts';
import { type BuiltJob, metadataOf } from './child.ts';

export function dataClaim(job: BuiltJob) {
  const template = job.spec.storage.data?.volumeClaimTemplate;
  if (template === undefined) return undefined;
  const { size, storageClassName, accessMode } = template;
  return {
    metadata: metadataOf(job, childName.dataClaim(job.name)),
    spec: {
      accessModes: [accessMode],
      resources: { requests: { storage: String(size) } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
    },
  } satisfies V1PersistentVolumeClaim;
}
