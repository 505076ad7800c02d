// Fields of the API that pods of this version do not implement. Refused before anything is created,
// with a workaround: by the API server when the job is applied, and by the operator for a job that
// was created under another version of the CRD.
import type { FineTuneJobSpec } from '../api/job.ts';
import { UserError } from '../failures/errors.ts';
import { controllerName } from '../names/group.ts';

interface ClusterLimit {
  readonly path: string;
  /** The same condition as `isKept`, as CEL on the spec. */
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
      'can be mounted on one node only; several workers share the volume of the job, which needs ReadWriteMany',
    hint: 'set accessMode: ReadWriteMany, with a storage class that supports it',
  },
  {
    path: 'worker.elasticity',
    cel: "self.worker.elasticity != 'AtStart'",
    isKept: ({ worker }) => worker.elasticity !== 'AtStart',
    message: 'is AtStart; this version always starts with spec.worker.replicas workers',
    hint: 'use None, or Live',
  },
  {
    path: 'worker.devicesPerWorker',
    cel: "self.worker.devicesPerWorker <= 1 || !has(self.worker.deviceResourceName) || !self.worker.deviceResourceName.contains('/mig-')",
    isKept: ({ worker: { devicesPerWorker, deviceResourceName = '' } }) =>
      devicesPerWorker <= 1 || !deviceResourceName.includes('/mig-'),
    message: 'is more than 1; CUDA shows one instance of a divided device to a process',
    hint: 'set it to 1, and spec.worker.replicas to the number of instances',
  },
  {
    path: 'checkpoint.resumeFrom',
    cel: '!has(self.checkpoint.resumeFrom)',
    isKept: ({ checkpoint }) => checkpoint.resumeFrom === undefined,
    message: 'is set; on a cluster this version starts each job from its base model',
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
    // The pods share files only through a claim.
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
      'is not a claim, and no destination is one; in this version the pods of a job share files on a claim',
    hint: 'set spec.storage.data: { volumeClaimTemplate: { size: 20Gi } }, or name a claim there',
  },
  {
    path: 'managedBy',
    cel: `self.managedBy == '${controllerName}'`,
    isKept: ({ managedBy }) => managedBy === controllerName,
    message:
      'delegates the job to MultiKueue, which has no adapter for FineTuneJob: it would never run',
    hint: 'leave it out; scheduling.queueName puts the job into a queue of this cluster',
  },
];

/** The first field of the job that this version does not implement on a cluster. */
export function notBuiltOnCluster(spec: FineTuneJobSpec): UserError | undefined {
  const broken = clusterLimits.find(({ isKept }) => !isKept(spec));
  if (broken === undefined) return undefined;
  const path = `spec.${broken.path}`;
  const { message, hint } = broken;
  return new UserError({ code: 'E_NOT_BUILT', path, message: `${path} ${message}`, hint });
}
