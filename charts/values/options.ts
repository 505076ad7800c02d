// What a site may add: network policies, monitoring, roles for people, rules for jobs. All of it is
// off by default but the roles.
import * as z from 'zod';
import { optionalNamespace, stringMap } from './field.ts';
import { monitoringNamespace } from './operator.ts';

export const networkPolicies = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe('Policies for operator, NATS and responder. Jobs have their own.'),
    apiServerPorts: z
      .array(z.int().min(1).max(65_535))
      .min(1)
      .default([443, 6443])
      .describe('Ports on which the API server answers.'),
    apiServerCIDRs: z
      .array(z.string())
      .default([])
      .describe('Addresses of the API server; any when empty.'),
    nameServers: z
      .array(z.string().regex(/^[0-9a-fA-F.:]+\/[0-9]{1,3}$/))
      .default(['169.254.20.10/32'])
      .describe(
        'Networks of name servers besides the pods of the cluster, on port 53 only: for the policies of the chart and of jobs, also when enabled is false. The default is the address of NodeLocal DNSCache; it uses the address of the service kube-dns as well where kube-proxy works with iptables. The operator adds the name servers of its own pod to the policies of jobs.',
      ),
  })
  .prefault({})
  .describe('Who may connect to the parts of the chart.');

function option(what: string, more: z.ZodRawShape = {}) {
  return z
    .strictObject({
      enabled: z.boolean().default(false).describe('Whether there is one.'),
      labels: stringMap('Labels by which it is found.'),
      ...more,
    })
    .prefault({})
    .describe(what);
}

const interval = z
  .string()
  .regex(/^[0-9]+(s|m)$/)
  .default('30s')
  .describe('How often metrics are read.');

export const monitoring = z
  .strictObject({
    namespace: monitoringNamespace,
    serviceMonitor: option('Metrics of the operator, for the Prometheus operator.', { interval }),
    podMonitor: option('Metrics of the pods of jobs and servers, for the Prometheus operator.', {
      interval,
    }),
    alerts: option('Alert rules, for the Prometheus operator.'),
    dashboard: z
      .strictObject({
        enabled: z.boolean().default(false).describe('Whether there is one.'),
        labels: z
          .record(z.string(), z.string())
          .default({ grafana_dashboard: '1' })
          .describe('Labels by which the sidecar of Grafana finds it.'),
      })
      .prefault({})
      .describe('A dashboard for Grafana, in a ConfigMap.'),
  })
  .prefault({})
  .describe('Numbers for Prometheus and Grafana.');

export const traces = z
  .strictObject({
    endpoint: z
      .string()
      .regex(/^(https?:\/\/.+)?$/)
      .default('')
      .describe(
        'Address of a collector of OTLP over HTTP, such as http://collector.tracing:4318; operator and pods send the spans of jobs with traces there. None when empty.',
      ),
    namespace: optionalNamespace(
      '',
      'Namespace of the collector, for network policies; any address when empty.',
    ),
  })
  .prefault({})
  .describe('Traces of jobs, by OpenTelemetry.');

export const aggregatedRoles = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe('The roles view, edit and admin of the cluster include FineTuneJobs.'),
  })
  .prefault({})
  .describe('Rights of people.');

const subject = z
  .strictObject({
    kind: z.enum(['User', 'Group', 'ServiceAccount']),
    name: z.string().min(1),
    namespace: z.string().min(1).optional(),
  })
  .refine(({ kind, namespace }) => (kind === 'ServiceAccount') === (namespace !== undefined), {
    error: 'namespace is given for a ServiceAccount, and for nobody else',
  });

export const liveNumbers = z
  .strictObject({
    subjects: z
      .array(subject)
      .default([])
      .describe(
        'Users, groups and accounts, as in a RoleBinding, that may open a port-forward to the pods of NATS. The bus decides what they may read.',
      ),
  })
  .prefault({})
  .describe('Who sees live numbers in the command line without being an administrator here.');

export const admissionPolicies = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Whether the limits below apply.'),
    namespaceSelector: z
      .looseObject({})
      .default({})
      .describe('Namespaces to which they apply, as a label selector; all when empty.'),
    actions: z
      .array(z.enum(['Deny', 'Warn', 'Audit']))
      .min(1)
      .default(['Deny'])
      .describe('What happens to a job that breaks a limit. Deny and Warn exclude each other.'),
    imagePrefixes: z
      .array(z.string().min(1))
      .default([])
      .describe('A worker image named by a job begins with one of these; any when empty.'),
    serviceAccountNames: z
      .array(z.string().min(1))
      .default([])
      .describe('A service account named by a job is one of these; any when empty.'),
    hubRepositoryPrefixes: z
      .array(z.string().min(1))
      .default([])
      .describe('A model or data set of the hub begins with one of these; any when empty.'),
    storageEndpoints: z
      .array(z.string().min(1))
      .default([])
      .describe('An S3 endpoint named by a job is one of these; any when empty.'),
    nodeLostPolicies: z
      .array(z.enum(['Wait', 'ForceReplace']))
      .default([])
      .describe('Values of failurePolicy.nodeLostPolicy that are allowed; all when empty.'),
    networkModes: z
      .array(z.enum(['Restricted', 'Open', 'None']))
      .default([])
      .describe('Values of network.policy that are allowed; all when empty.'),
    metadataService: z
      .enum(['Allow', 'Deny'])
      .default('Allow')
      .describe('Whether a job may use the metadata service of the cloud.'),
    egressCIDRs: z
      .array(z.string().regex(/^[0-9a-fA-F.:]+\/[0-9]{1,3}$/))
      .default([])
      .describe(
        'Networks of network.egressCIDRs of a job lie within one of these; any when empty.',
      ),
    priorityClassNames: z
      .array(z.string().min(1))
      .default([])
      .describe('A worker.priorityClassName named by a job is one of these; any when empty.'),
    requireQueue: z.boolean().default(false).describe('Every job has a scheduling.queueName.'),
    queueNames: z
      .array(z.string().min(1))
      .default([])
      .describe('A scheduling.queueName is one of these; any when empty.'),
    workloadPriorityClassNames: z
      .array(z.string().min(1))
      .default([])
      .describe('A scheduling.workloadPriorityClassName is one of these; any when empty.'),
    maxDevices: z
      .int()
      .min(0)
      .default(0)
      .describe(
        'Most devices of one job, over all its workers; devices by resourceClaims are not counted. No limit when 0.',
      ),
    maxTtlSecondsAfterFinished: z
      .int()
      .min(0)
      .default(0)
      .describe('Every job has a ttlSecondsAfterFinished of at most this; no limit when 0.'),
  })
  .prefault({})
  .describe('Limits for jobs, as ValidatingAdmissionPolicies of the API server.');
