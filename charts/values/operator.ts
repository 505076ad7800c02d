// The operator itself, what it may do, and what it gives to the pods of jobs.
import * as z from 'zod';
import {
  image,
  optionalNamespace,
  placement,
  podDisruptionBudget,
  replicas,
  resources,
  serviceAccount,
} from './field.ts';

export const operator = z
  .strictObject({
    image: image('anneal-operator', '', 'Image of the operator and of the bus responder.'),
    replicas: replicas(2, 9, 'Pods; one leads, the others stand by with synced informers.'),
    namespaces: z
      .array(z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/))
      .default([])
      .describe(
        'Namespaces whose jobs are run, with a Role in each; when empty all of the cluster, with a ClusterRole.',
      ),
    logLevel: z
      .enum(['error', 'warn', 'info', 'debug'])
      .default('info')
      .describe('Lowest level that is logged.'),
    reconcilers: z.int().min(1).max(256).default(16).describe('Concurrent reconciles.'),
    extraEnvironment: z
      .array(z.looseObject({ name: z.string().min(1) }))
      .default([])
      .describe('More environment variables, as in a container: for a proxy, for example.'),
    resources: resources({ cpu: '100m', memory: '256Mi', memoryLimit: '768Mi' }),
    podDisruptionBudget,
    serviceAccount,
    ...placement,
  })
  .prefault({})
  .describe('The controller that runs FineTuneJobs.');

const quantities = (values: Record<string, string>, what: string) =>
  z
    .record(z.string(), z.union([z.string(), z.int()]))
    .default(values)
    .describe(what);

function podResources(
  requests: Record<string, string>,
  limits: Record<string, string>,
  what: string,
) {
  return z
    .strictObject({
      requests: quantities(requests, 'What the scheduler reserves.'),
      limits: quantities(limits, 'What a container may use.'),
    })
    .prefault({})
    .describe(what);
}

export const jobs = z
  .strictObject({
    image: image('anneal-worker', '', 'Image of workers, preparation and publishing.'),
    hubEndpoint: z
      .string()
      .regex(/^(https?:\/\/.+)?$/)
      .default('')
      .describe('Address of the model hub; the public one when empty.'),
    devices: z
      .strictObject({
        image: image(
          'anneal-worker',
          '',
          'Image with CUDA, of workers that train on devices; its tag is that of the chart with -cuda behind it unless given.',
        ),
        resourceName: z
          .string()
          .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/)
          .default('nvidia.com/gpu')
          .describe(
            'Extended resource that provides devices, such as nvidia.com/mig-1g.10gb, where a job names none.',
          ),
        runtimeClassName: z
          .string()
          .regex(/^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$/)
          .default('')
          .describe(
            'RuntimeClass of the pods of workers on devices, such as nvidia; that of the cluster when empty.',
          ),
        memory: z
          .string()
          .regex(/^([0-9]+(Ki|Mi|Gi|Ti)?)?$/)
          .default('')
          .describe(
            'Memory of a device, such as 80Gi, where neither the job nor the labels of nodes tell: jobs that need more are refused before they start. Not checked when empty.',
          ),
      })
      .prefault({})
      .describe('Settings of workers that train on devices.'),
    resources: z
      .strictObject({
        prepare: podResources(
          { cpu: '250m', memory: '512Mi' },
          { memory: '16Gi' },
          'Of a pod that fetches and tokenises.',
        ),
        worker: podResources(
          { cpu: '500m' },
          {},
          'Of a worker, where the job sets none; on devices the processor is for each. Memory is that of its plan.',
        ),
        publish: podResources(
          { cpu: '250m', memory: '512Mi' },
          { memory: '4Gi' },
          'Of a pod that writes the results: at least this memory, and that of the plan.',
        ),
      })
      .prefault({})
      .describe('Processor and memory of the pods of jobs.'),
  })
  .prefault({})
  .describe('Settings of the pods of jobs.');

export const features = z
  .strictObject({
    volumeClaimTemplate: z
      .boolean()
      .default(false)
      .describe('Jobs may ask for a claim of their own. Right: get and create claims.'),
    forceReplace: z
      .boolean()
      .default(false)
      .describe(
        'Jobs may have pods of unreachable nodes replaced at once. Rights: read nodes, patch the status of pods.',
      ),
    deleteFinishedJobs: z
      .boolean()
      .default(true)
      .describe(
        'Finished jobs are deleted after ttlSecondsAfterFinished. Right: delete FineTuneJobs.',
      ),
    kueueStatus: z
      .boolean()
      .default(false)
      .describe('Messages of Kueue appear in status. Right: read Workloads.'),
    deviceLabels: z
      .boolean()
      .default(false)
      .describe(
        'The memory of devices is read from the labels of nodes, and workers go where it is enough. Right: read nodes.',
      ),
    adapterServers: z
      .boolean()
      .default(false)
      .describe(
        'AdapterServers are run. Rights: read and create Deployments and change them, change ConfigMaps, read Adapters.',
      ),
    federations: z
      .boolean()
      .default(false)
      .describe(
        'Federations and FederationPeers are run, each in a pod that reaches its bus. Rights: read them, patch their status.',
      ),
    trainingPools: z
      .boolean()
      .default(false)
      .describe(
        'TrainingPools are run, in whose pods jobs of one base train together. Rights: read them, patch their status, change ConfigMaps.',
      ),
    gangs: z
      .array(z.enum(['Native', 'Coscheduling', 'Volcano']))
      .default([])
      .describe(
        'Schedulers whose PodGroups are used, where the cluster has them. Right: PodGroups of each.',
      ),
    coschedulingScheduler: z
      .string()
      .min(1)
      .max(253)
      .default('scheduler-plugins-scheduler')
      .describe('Name of the second scheduler, for Coscheduling.'),
  })
  .prefault({})
  .describe('Optional features of the operator. Each one adds rights.');

export const crds = z
  .strictObject({
    install: z.boolean().default(true).describe('The chart installs and upgrades the CRD.'),
    keep: z
      .boolean()
      .default(true)
      .describe('The CRD, and so all jobs, stay when the release is uninstalled.'),
  })
  .prefault({})
  .describe('The resource definition of FineTuneJob.');

export const monitoringNamespace = optionalNamespace(
  '',
  'Namespace of Prometheus, which network policies admit; none when empty.',
);
