// Limits of a site, with jobs that they let pass and refuse: for an interpreter of CEL here, and
// for the API server in test/cluster.
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

// Without it the definition itself refuses a job whose result goes elsewhere.
const onClaim = { 'storage.data': { volumeClaimTemplate: { size: '20Gi' } } };
const inBucket = (endpoint: string) => ({
  'output.destination': { s3: { uri: 's3://b', endpoint } },
});

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
    allowed: [{ ...onClaim, ...inBucket('https://s3.example.com') }],
    refused: [{ ...onClaim, ...inBucket('https://evil') }],
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
  'pods of jobs are closed in by network policies': {
    limits: { networkModes: ['Restricted', 'Open'] },
    allowed: [{}, { 'network.policy': 'Restricted' }, { 'network.policy': 'Open' }],
    refused: [{ 'network.policy': 'None' }],
    words: /^spec\.network\.policy must be Restricted or Open here$/,
  },
  'the metadata service of the cloud is nobody’s': {
    limits: { metadataService: 'Deny' },
    allowed: [{}, { 'network.allowMetadataService': 'Deny' }],
    refused: [{ 'network.allowMetadataService': 'Allow' }],
    words: /^spec\.network\.allowMetadataService must be Deny here$/,
  },
  'networks that jobs open lie within those of the site': {
    limits: { egressCIDRs: ['10.0.0.0/8', 'fd12::/16'] },
    allowed: [
      {},
      { 'network.egressCIDRs': [] },
      { 'network.egressCIDRs': ['10.1.0.0/16', 'fd12:1::/32', '10.0.0.0/8'] },
    ],
    refused: [
      { 'network.egressCIDRs': ['10.1.0.0/16', '0.0.0.0/0'] },
      { 'network.egressCIDRs': ['11.0.0.0/8'] },
      { 'network.egressCIDRs': ['::/0'] },
    ],
    words: /^spec\.network\.egressCIDRs must lie within 10\.0\.0\.0\/8 or fd12::\/16 here$/,
  },
  'priorities of pods are named ones': {
    limits: { priorityClassNames: ['batch', 'research'] },
    allowed: [{}, { 'worker.priorityClassName': 'batch' }],
    refused: [{ 'worker.priorityClassName': 'system-node-critical' }],
    words: /^spec\.worker\.priorityClassName must be batch or research here$/,
  },
  'every job waits in a queue': {
    limits: { requireQueue: true },
    allowed: [{ 'scheduling.queueName': 'team-a' }],
    refused: [{}, { 'scheduling.gang': 'None' }],
    words: /^spec\.scheduling\.queueName must be set here$/,
  },
  'queues are those of the team, with or without one': {
    limits: { queueNames: ['team-a', 'shared'] },
    allowed: [{}, { 'scheduling.queueName': 'shared' }],
    refused: [{ 'scheduling.queueName': 'team-b' }],
    words: /^spec\.scheduling\.queueName must be team-a or shared here$/,
  },
  'a queue of the team is a must': {
    limits: { requireQueue: true, queueNames: ['team-a'] },
    allowed: [{ 'scheduling.queueName': 'team-a' }],
    refused: [{}, { 'scheduling.queueName': 'team-b' }],
    words: /^spec\.scheduling\.queueName must be (set here, and be team-a|team-a here)$/,
  },
  'priorities in a queue are named ones': {
    limits: { workloadPriorityClassNames: ['low'] },
    allowed: [{}, { 'scheduling.queueName': 'q', 'scheduling.workloadPriorityClassName': 'low' }],
    refused: [{ 'scheduling.queueName': 'q', 'scheduling.workloadPriorityClassName': 'urgent' }],
    words: /^spec\.scheduling\.workloadPriorityClassName must be low here$/,
  },
  'devices are counted over all workers that a job may have': {
    limits: { maxDevices: 8 },
    allowed: [{ 'worker.replicas': 8, 'worker.devicesPerWorker': 1 }],
    refused: [
      { 'worker.replicas': 9, 'worker.devicesPerWorker': 1 },
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
