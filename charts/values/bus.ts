// The bus: a NATS that the chart installs, or one that is there; who may connect to it, and what it
// keeps.
import * as z from 'zod';
import { quantity } from '../../crds/schema/quantity.ts';
import {
  image,
  optionalNamespace,
  placement,
  podDisruptionBudget,
  replicas,
  resources,
  serviceAccount,
} from './field.ts';

const responder = z
  .strictObject({
    replicas: replicas(
      2,
      9,
      'Pods; without one of them no client can connect, and pods of jobs cannot use the bus.',
    ),
    command: z
      .array(z.string())
      .min(1)
      .default(['node', '/app/operator/bus-auth-main.js'])
      .describe('Program in the operator image.'),
    resources: resources({ cpu: '50m', memory: '128Mi', memoryLimit: '512Mi' }),
    podDisruptionBudget,
    serviceAccount,
    ...placement,
  })
  .prefault({})
  .describe(
    'The program that authenticates connections, and answers pods and people, who may not use NATS itself.',
  );

const auth = z
  .strictObject({
    mode: z
      .enum(['PerJob', 'None'])
      .default('PerJob')
      .describe(
        'PerJob: a pod presents its service-account token and may access its own job only. None: any client that reaches the port may do everything; for trials.',
      ),
    keysSecretName: z
      .string()
      .max(253)
      .default('')
      .describe(
        'Secret with 32 random bytes under the key seed; when empty, the chart creates one and keeps it. Needed where templates are rendered without a cluster, as GitOps tools do.',
      ),
    responder,
  })
  .prefault({})
  .describe('Who may connect to the bus. Only for the NATS of the chart.');

export const bus = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .describe('Without a bus, jobs have one worker each and show no live progress.'),
    url: z
      .string()
      .regex(/^((nats|tls):\/\/[^,\s]+(,(nats|tls):\/\/[^,\s]+)*)?$/)
      .default('')
      .describe('Address of an existing NATS; the chart installs its own when empty.'),
    namespace: optionalNamespace(
      '',
      'Namespace where that NATS runs, for the network policies of jobs; anywhere when empty.',
    ),
    streamReplicas: z
      .int()
      .min(0)
      .max(5)
      .default(0)
      .describe('Copies of the data on the bus; as many as servers, at most 3, when 0.'),
    auth,
  })
  .prefault({})
  .describe('How workers, operator and command line communicate.');

export const nats = z
  .strictObject({
    image: image('nats', '2.15.2-alpine', 'Image of NATS; 2.11 or newer.'),
    replicas: z
      .union([z.literal(1), z.literal(3), z.literal(5)])
      .default(3)
      .describe('Servers: 1, 3 or 5. With 1, a drain of its node stops new restarts for a while.'),
    storage: z
      .strictObject({
        size: quantity().default('10Gi').describe('Size of the volume of a server.'),
        className: z
          .string()
          .max(253)
          .default('')
          .describe('Storage class; the default one of the cluster when empty.'),
        ephemeral: z
          .boolean()
          .default(false)
          .describe(
            'Node disk instead of volumes. Data on the bus is lost with its pods; records are recreated from status.',
          ),
      })
      .prefault({})
      .describe('Where NATS keeps its streams.'),
    tls: z
      .strictObject({
        secretName: z
          .string()
          .max(253)
          .default('')
          .describe(
            'Secret with tls.crt, tls.key and ca.crt for the names of the service, of the servers and localhost; when empty, the chart creates one and keeps it. Needed where templates are rendered without a cluster.',
          ),
        plainText: z
          .boolean()
          .default(false)
          .describe('No encryption: tokens and telemetry are readable on the network. For trials.'),
      })
      .prefault({})
      .describe('Encryption between the bus and its clients.'),
    resources: resources({ cpu: '50m', memory: '128Mi', memoryLimit: '512Mi' }),
    podDisruptionBudget,
    serviceAccount,
    ...placement,
  })
  .prefault({})
  .describe('The NATS that the chart installs, unless bus.url names another.');
