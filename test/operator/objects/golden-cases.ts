// All objects of a few jobs, as text. `node test/operator/objects/print-golden.ts` writes them
// anew; the test compares.
import { stringify } from 'yaml';
import { writePlan } from '../../../operator/job/plan.ts';
import type { BuiltJob } from '../../../operator/objects/child.ts';
import { planConfigMap } from '../../../operator/objects/config-map.ts';
import { dataClaim } from '../../../operator/objects/data-claim.ts';
import { initJob, publishJob } from '../../../operator/objects/io-job.ts';
import { networkPolicies, sharedPolicies } from '../../../operator/objects/network-policy.ts';
import { type GangFlavour, podGroup } from '../../../operator/objects/pod-group.ts';
import { hasService, headlessService } from '../../../operator/objects/service.ts';
import type { PodSettings } from '../../../operator/objects/settings.ts';
import { workerJob } from '../../../operator/objects/worker-job.ts';
import { aBuiltJob, anExample, someSettings } from '../../builders/built-job.ts';

interface GoldenCase {
  readonly name: string;
  readonly job: BuiltJob;
  readonly settings?: PodSettings;
  readonly gang?: GangFlavour;
  readonly excludedNodes?: readonly string[];
  readonly grown?: number;
  readonly leastDevice?: string;
}

const everything = aBuiltJob({
  'model.source': { image: { reference: 'registry.example.com/model@sha256:1', path: '/model' } },
  'dataset.eval': {
    s3: {
      uri: 's3://data/eval',
      endpoint: 'http://store:9000',
      credentialsSecretRef: { name: 's' },
    },
  },
  'storage.data': { volumeClaimTemplate: { size: '100Gi', accessMode: 'ReadWriteMany' } },
  'storage.scratch': { volumeClaimTemplate: { size: '50Gi', storageClassName: 'fast' } },
  'checkpoint.destination': { s3: { uri: 's3://runs/a', credentialsSecretRef: { name: 'runs' } } },
  'output.pushToHub': { repository: 'owner/result', tokenSecretRef: { name: 'hub-write' } },
  worker: {
    replicas: 4,
    devicesPerWorker: 1,
    deviceResourceName: 'nvidia.com/mig-1g.10gb',
    image: 'registry.example.com/own@sha256:2',
    imagePullSecrets: [{ name: 'pull' }],
    resources: { requests: { cpu: '16', memory: '64Gi' } },
    nodeSelector: { gpu: 'h100' },
    tolerations: [{ key: 'gpu', operator: 'Exists' }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] },
            { matchExpressions: [{ key: 'zone', operator: 'In', values: ['b'] }] },
          ],
        },
      },
    },
    priorityClassName: 'high',
    runtimeClassName: 'nvidia',
    serviceAccountName: 'trainer',
    terminationGracePeriodSeconds: 300,
    env: [{ name: 'NCCL_DEBUG', value: 'INFO' }],
    labels: { team: 'a' },
    annotations: { note: 'b' },
  },
  'scheduling.topology': { key: 'topology.kubernetes.io/rack', mode: 'Required' },
  'failurePolicy.rules': [
    { onExitCodes: [74, 3], action: 'Restart' },
    { onExitCodes: [4], action: 'Fail' },
    { onReasons: ['Hang'], action: 'RestartExcludingNode' },
  ],
  'network.egressCIDRs': ['10.1.0.0/16'],
});

export const goldenCases: readonly GoldenCase[] = [
  { name: 'first', job: anExample('first') },
  { name: 'cluster', job: anExample('cluster') },
  { name: 'everything', job: everything, gang: 'Native', excludedNodes: ['n1', 'n2'], grown: 1 },
  {
    name: 'devices',
    job: aBuiltJob({ 'worker.replicas': 2, 'worker.devicesPerWorker': 1 }),
    settings: { ...someSettings, devices: { ...someSettings.devices, runtimeClassName: 'nvidia' } },
    leastDevice: '23034Mi',
  },
  {
    name: 'without-bus',
    job: aBuiltJob({
      'output.destination': { s3: { uri: 's3://out/a', endpoint: 'https://store.example.com' } },
      'network.policy': 'Open',
      'network.allowMetadataService': 'Allow',
    }),
    settings: { ...someSettings, bus: undefined, hubEndpoint: 'http://hub.example.com:8080' },
  },
];

const planned = { least: 2e9, most: 4e9, publish: 3e9 };

export function goldenText(each: GoldenCase): string {
  const { job, gang, settings = someSettings, excludedNodes = [], grown = 0 } = each;
  const { leastDevice } = each;
  const { text } = writePlan(job);
  const { replicas } = job.spec.worker;
  const objects = [
    planConfigMap(job, text),
    ...(hasService(job.spec) ? [headlessService(job)] : []),
    ...sharedPolicies(job, settings),
    ...networkPolicies(job, settings),
    dataClaim(job),
    initJob({ job, settings, attempt: 1 }, 'prepare-digest'),
    gang === undefined ? undefined : podGroup(job, gang, { workerRevision: 3, members: replicas }),
    workerJob({
      ...{ job, settings, replicas, gang, excludedNodes, grown },
      workerRevision: 3,
      trainedParameters: 1_000_000,
      ...{ planned, leastDevice },
    }),
    publishJob({ job, settings, attempt: 1, planned }),
  ].filter((object) => object !== undefined);
  const made = '# Made by: node test/operator/objects/print-golden.ts\n';
  return (
    made +
    objects
      .map((object) => `---\n${stringify(plain(object), { aliasDuplicateObjects: false })}`)
      .join('')
  );
}

/** As the API server would get it. */
function plain(object: object): unknown {
  return JSON.parse(JSON.stringify(object));
}

export const goldenFile = (name: string) =>
  new URL(`../../golden/objects/${name}.yaml`, import.meta.url);
