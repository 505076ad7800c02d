// Limits of a site, with jobs that they let pass and refuse: for an interpreter of CEL here, and for the API server in test/cluster.
import { aWrittenJob, type Changes, changed } from '../builders/job.ts';

export const writtenJob = aWrittenJob();

/** Paths below spec. */
export function jobWith(changes: Changes): Record<string, unknown> {
  return { ...writtenJob, spec: changed(writtenJob['spec'] as object, changes) };
}

export interface LimitCase {
  readonly limits: object;
  readonly allowed: readonly Changes[];
  readonly refused: readonly Changes[];
  readonly words: RegExp;
}

export const limitCases: Readonly<Record<string, LimitCase>> = {
  'images come from allowed registries': {
    limits: { imagePrefixes: ['registry.example.com/', 'mirror/'] },
    allowed: [{}, { 'worker.image': 'mirror/worker:1' }],
    refused: [{ 'worker.image': 'docker.io/x' }, { 'worker.image': 'evil/registry.example.com/x' }],
    words: /^spec\.worker\.image must begin with registry\.example\.com\/ or mirror\/ here$/,
  },
  'service accounts are named ones': {
    limits: { serviceAccountNames: ['trainer'] },
    allowed: [{}, { 'worker.serviceAccountName': 'trainer' }],
    refused: [{ 'worker.serviceAccountName': 'admin' }],
    words: /^spec\.worker\.serviceAccountName must be trainer here$/,
  },
  'repositories of the hub are those of a team': {
    limits: { hubRepositoryPrefixes: ['our/'] },
    allowed: [{ 'model.source': { huggingFace: { repository: 'our/model' } } }],
    refused: [{ 'model.source': { huggingFace: { repository: 'their/model' } } }],
    words: /^spec\.model\.source\.huggingFace\.repository must begin with our\/ here$/,
  },
  'buckets are on allowed services': {
    limits: { storageEndpoints: ['https://s3.example.com'] },
    allowed: [
      { 'output.destination': { s3: { uri: 's3://b', endpoint: 'https://s3.example.com' } } },
    ],
    refused: [{ 'output.destination': { s3: { uri: 's3://b', endpoint: 'https://evil' } } }],
    words: /^spec\.output\.destination\.s3\.endpoint must be https:\/\/s3\.example\.com here$/,
  },
  'lost nodes are handled in allowed ways': {
    limits: { nodeLostPolicies: ['Wait'] },
    allowed: [{}, { 'failurePolicy.nodeLostPolicy': 'Wait' }],
    refused: [
      {
        'failurePolicy.nodeLostPolicy': 'ForceReplace',
        // Without it the definition itself refuses the job.
        'checkpoint.destination': { persistentVolumeClaim: { claimName: 'notes' } },
      },
    ],
    words: /^spec\.failurePolicy\.nodeLostPolicy must be Wait here$/,
  },
  'devices are counted over all workers that a job may have': {
    limits: { maxDevices: 8 },
    allowed: [{ 'worker.replicas': 2, 'worker.devicesPerWorker': 4 }],
    refused: [
      { 'worker.replicas': 3, 'worker.devicesPerWorker': 4 },
      { 'worker.replicas': 1, 'worker.maxReplicas': 9, 'worker.devicesPerWorker': 1 },
    ],
    words: /more devices, over all workers, than the 8 that a job may have here$/,
  },
  'finished jobs do not stay for ever': {
    limits: { maxTtlSecondsAfterFinished: 3600 },
    allowed: [{ ttlSecondsAfterFinished: 60 }],
    refused: [{ ttlSecondsAfterFinished: 7200 }, { ttlSecondsAfterFinished: undefined }],
    words: /^spec\.ttlSecondsAfterFinished must be set here, and be at most 3600$/,
  },
};
