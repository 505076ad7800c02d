// What the API has a name for and pods of this version do not do yet. Said before anything is created, with a way around it.
import type { FineTuneJobSpec } from './api/job.ts';
import { UserError } from './errors.ts';

/** The first part of the job that this version cannot do on a cluster. */
export function notBuiltOnCluster(spec: FineTuneJobSpec): UserError | undefined {
  const { worker, checkpoint, storage } = spec;
  const claim = storage.data?.volumeClaimTemplate;
  const several = worker.replicas > 1 || worker.elasticity !== 'None';
  if (several && claim !== undefined && claim.accessMode !== 'ReadWriteMany') {
    return notBuilt(
      'spec.storage.data.volumeClaimTemplate.accessMode',
      `is ${claim.accessMode}, which the workers of one node can mount; several workers share the folder of the job`,
      'set accessMode: ReadWriteMany, with a storage class that has it',
    );
  }
  if (worker.elasticity === 'AtStart') {
    return notBuilt(
      'spec.worker.elasticity',
      'is AtStart; this version starts with the workers that the job asks for',
      'use None, or Live',
    );
  }
  if (worker.devicesPerWorker > 0) {
    return notBuilt(
      'spec.worker.devicesPerWorker',
      `is ${worker.devicesPerWorker}; this version trains on the processor`,
      'set spec.worker.devicesPerWorker: 0',
    );
  }
  if (checkpoint.resumeFrom !== undefined) {
    return notBuilt(
      'spec.checkpoint.resumeFrom',
      'is set; this version starts each job from its model',
      'leave it out',
    );
  }
  if (checkpoint.destination?.s3 !== undefined) {
    return notBuilt(
      'spec.checkpoint.destination.s3',
      'is a bucket; this version writes checkpoints to claims',
      'name a claim',
    );
  }
  return withoutMeetingPlace(spec);
}

/** What one pod leaves must be seen by the next one. */
function withoutMeetingPlace({
  storage,
  checkpoint,
  output,
}: FineTuneJobSpec): UserError | undefined {
  const claims = [
    storage.data?.volumeClaimTemplate,
    storage.data?.persistentVolumeClaim,
    checkpoint.destination?.persistentVolumeClaim,
    output.destination?.persistentVolumeClaim,
  ];
  if (claims.some((claim) => claim !== undefined)) return undefined;
  return notBuilt(
    'spec.storage.data',
    'is not set and no destination is a claim; in this version the pods of a job meet on a claim',
    'set spec.storage.data: { volumeClaimTemplate: { size: 20Gi } }, or name a claim there',
  );
}

function notBuilt(path: string, what: string, hint: string): UserError {
  return new UserError({ code: 'E_NOT_BUILT', path, message: `${path} ${what}`, hint });
}
