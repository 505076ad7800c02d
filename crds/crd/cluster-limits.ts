// What the API has a name for and pods of this version do not do yet. Said before anything is
// created, with a way around it: by the API server when the job is applied, and by the operator of
// a job that another version of the definition let in.
import type { FineTuneJobSpec } from '../api/job.ts';
import { UserError } from '../failures/errors.ts';
import { controllerName } from '../names/group.ts';

interface ClusterLimit {
  readonly path: string;
  /** What the API server asks of the spec; the same as `isKept`. */
  readonly cel: string;
  readonly isKept: (spec: FineTuneJobSpec) => boolean;
  /** Follows the path. */
  readonly message: string;
  readonly hint: string;
}

export const clusterLimits: readonly ClusterLimit[] = [
  {
    path: 'storage.data.volumeClaimTemplate.accessMode',
    cel: "(self.worker.replicas == 1 && self.worker.elasticity == 'None') || !has(self.storage.data) || !has(self.storage.data.volumeClaimTemplate) || self.storage.data.volumeClaimTemplate.accessMode == 'ReadWriteMany'",
    isKept: ({ worker, storage }) => {
      const claim = storage.data?.volumeClaimTemplate;
      const several = worker.replicas > 1 || worker.elasticity !== 'None';
      return !several || claim === undefined || claim.accessMode === 'ReadWriteMany';
    },
    message:
      'lets the workers of one node mount it; several workers share the folder of the job, which takes ReadWriteMany',
    hint: 'set accessMode: ReadWriteMany, with a storage class that has it',
  },
  {
    path: 'worker.elasticity',
    cel: "self.worker.elasticity != 'AtStart'",
    isKept: ({ worker }) => worker.elasticity !== 'AtStart',
    message: 'is AtStart; this version starts with the workers that the job asks for',
    hint: 'use None, or Live',
  },
  {
    path: 'worker.devicesPerWorker',
    cel: 'self.worker.devicesPerWorker == 0',
    isKept: ({ worker }) => worker.devicesPerWorker === 0,
    message: 'asks for devices; this version trains on the processor',
    hint: 'leave it out, or set spec.worker.devicesPerWorker: 0',
  },
  {
    path: 'checkpoint.resumeFrom',
    cel: '!has(self.checkpoint.resumeFrom)',
    isKept: ({ checkpoint }) => checkpoint.resumeFrom === undefined,
    message: 'is set; this version starts each job from its model',
    hint: 'leave it out',
  },
  {
    path: 'checkpoint.destination.s3',
    cel: '!has(self.checkpoint.destination) || !has(self.checkpoint.destination.s3)',
    isKept: ({ checkpoint }) => checkpoint.destination?.s3 === undefined,
    message: 'is a bucket; this version writes checkpoints to claims',
    hint: 'name a claim',
  },
  {
    // What one pod leaves must be seen by the next one.
    path: 'storage.data',
    cel: '(has(self.storage.data) && (has(self.storage.data.volumeClaimTemplate) || has(self.storage.data.persistentVolumeClaim))) || (has(self.checkpoint.destination) && has(self.checkpoint.destination.persistentVolumeClaim)) || (has(self.output.destination) && has(self.output.destination.persistentVolumeClaim))',
    isKept: ({ storage, checkpoint, output }) =>
      [
        storage.data?.volumeClaimTemplate,
        storage.data?.persistentVolumeClaim,
        checkpoint.destination?.persistentVolumeClaim,
        output.destination?.persistentVolumeClaim,
      ].some((claim) => claim !== undefined),
    message:
      'is no claim and no destination is one; in this version the pods of a job share a claim',
    hint: 'set spec.storage.data: { volumeClaimTemplate: { size: 20Gi } }, or name a claim there',
  },
  {
    path: 'managedBy',
    cel: `self.managedBy == '${controllerName}'`,
    isKept: ({ managedBy }) => managedBy === controllerName,
    message:
      'hands the job to MultiKueue, which has no adapter for jobs of this kind: nothing would run it',
    hint: 'leave it out; scheduling.queueName puts the job into a queue of this cluster',
  },
];

/** The first part of the job that this version cannot do on a cluster. */
export function notBuiltOnCluster(spec: FineTuneJobSpec): UserError | undefined {
  const broken = clusterLimits.find(({ isKept }) => !isKept(spec));
  if (broken === undefined) return undefined;
  const path = `spec.${broken.path}`;
  const { message, hint } = broken;
  return new UserError({ code: 'E_NOT_BUILT', path, message: `${path} ${message}`, hint });
}
