// What the operator is told by its environment; parsed once, in main.ts, and passed down. The chart
// sets these variables.
import * as z from 'zod';
import { programVersion } from '../crds/names/version.ts';
import { parseCidr } from '../crds/schema/cidr.ts';
import { parseQuantity, quantity } from '../crds/schema/quantity.ts';
import { type TraceSettings, traceSettings } from '../crds/trace/settings.ts';
import type { DeviceSettings, PodSettings } from './objects/settings.ts';

const text = z.string().min(1).optional();
const words = z
  .string()
  .default('')
  .transform((list) => list.split(',').map((word) => word.trim()))
  .transform((list) => list.filter((word) => word !== ''));

const features = [
  'volumeClaimTemplate',
  'forceReplace',
  'deleteFinishedJobs',
  'kueueStatus',
  'deviceLabels',
  'adapterServers',
  'federations',
  'trainingPools',
] as const;
const gangs = ['Native', 'Coscheduling', 'Volcano'] as const;

function isCidr(value: string): boolean {
  return parseCidr(value) !== undefined;
}

const quantities = z.record(z.string(), quantity());

function resourceMaps(requests: Record<string, string>, limits: Record<string, string>) {
  return z
    .object({ requests: quantities.default(requests), limits: quantities.default(limits) })
    .prefault({});
}

/** Of workers and of what publishes, memory is that of the plan of the job. */
const podResources = z.object({
  prepare: resourceMaps({ cpu: '250m', memory: '512Mi' }, { memory: '16Gi' }),
  worker: resourceMaps({ cpu: '500m' }, {}),
  publish: resourceMaps({ cpu: '250m', memory: '512Mi' }, { memory: '4Gi' }),
});

const pullPolicy = z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent');

const devices = z.object({
  image: z.string().min(1).default(`anneal-worker:${programVersion}-cuda`),
  pullPolicy,
  resourceName: z.string().min(1).default('nvidia.com/gpu'),
  runtimeClassName: z.string().default(''),
  memory: z.union([z.literal(''), quantity()]).default(''),
});

const schema = z.object({
  ANNEAL_NAMESPACES: words,
  ANNEAL_POD_NAMESPACE: z.string().min(1).default('anneal-system'),
  ANNEAL_POD_NAME: z.string().min(1).default('operator'),
  ANNEAL_LEASE_NAME: z.string().min(1).default('anneal-operator'),
  ANNEAL_WORKER_IMAGE: z.string().min(1).default(`anneal-worker:${programVersion}`),
  ANNEAL_WORKER_PULL_POLICY: pullPolicy,
  ANNEAL_NATS_URL: text,
  ANNEAL_NATS_TOKEN_FILE: text,
  ANNEAL_NATS_CA_FILE: text,
  ANNEAL_NATS_REPLICAS: z.coerce.number().int().min(1).max(5).default(1),
  ANNEAL_WORKER_NATS_URL: text,
  ANNEAL_WORKER_NATS_NAMESPACE: text,
  ANNEAL_TRACES_NAMESPACE: text,
  ANNEAL_HUB_ENDPOINT: z.url().optional(),
  ANNEAL_NAME_SERVERS: words.pipe(z.array(z.string().refine(isCidr))),
  ANNEAL_MONITORING_NAMESPACE: text,
  ANNEAL_DEVICES: z
    .string()
    .default('{}')
    .transform((text) => devices.parse(JSON.parse(text))),
  ANNEAL_POD_RESOURCES: z
    .string()
    .default('{}')
    .transform((text) => podResources.parse(JSON.parse(text))),
  ANNEAL_COSCHEDULING_SCHEDULER: z.string().min(1).default('scheduler-plugins-scheduler'),
  ANNEAL_FEATURES: words.pipe(z.array(z.enum(features))),
  ANNEAL_GANGS: words.pipe(z.array(z.enum(gangs))),
  ANNEAL_RECONCILERS: z.coerce.number().int().min(1).max(256).default(16),
  ANNEAL_HEALTH_PORT: z.coerce.number().int().min(0).max(65_535).default(8080),
  ANNEAL_LOG_LEVEL: z.enum(['error', 'warn', 'info', 'debug']).default('info'),
});

export interface OperatorConfig {
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  readonly lease: { readonly namespace: string; readonly name: string };
  readonly podName: string;
  readonly pods: PodSettings;
  readonly bus: BusConfig | undefined;
  readonly traces: TraceSettings;
  readonly features: ReadonlySet<(typeof features)[number]>;
  /** Gang schedulers that the chart gave us rights for. */
  readonly gangs: readonly (typeof gangs)[number][];
  readonly reconcilers: number;
  readonly healthPort: number;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
}

export interface BusConfig {
  readonly url: string;
  readonly tokenFile: string | undefined;
  readonly caFile: string | undefined;
  readonly replicas: number;
}

/**
 * `resolvConf` is that of our own pod: pods of jobs ask the servers that it names, whatever the
 * cluster calls them.
 */
export function operatorConfig(
  variables: Readonly<Record<string, string | undefined>>,
  resolvConf = '',
): OperatorConfig {
  const env = schema.parse(variables);
  const traces = traceSettings(variables);
  return {
    namespaces: env.ANNEAL_NAMESPACES.length === 0 ? undefined : env.ANNEAL_NAMESPACES,
    lease: { namespace: env.ANNEAL_POD_NAMESPACE, name: env.ANNEAL_LEASE_NAME },
    podName: env.ANNEAL_POD_NAME,
    pods: podSettings(env, resolvConf, traces),
    traces,
    bus:
      env.ANNEAL_NATS_URL === undefined
        ? undefined
        : {
            url: env.ANNEAL_NATS_URL,
            tokenFile: env.ANNEAL_NATS_TOKEN_FILE,
            caFile: env.ANNEAL_NATS_CA_FILE,
            replicas: env.ANNEAL_NATS_REPLICAS,
          },
    features: new Set(env.ANNEAL_FEATURES),
    gangs: env.ANNEAL_GANGS,
    reconcilers: env.ANNEAL_RECONCILERS,
    healthPort: env.ANNEAL_HEALTH_PORT,
    logLevel: env.ANNEAL_LOG_LEVEL,
  };
}

function podSettings(
  env: z.output<typeof schema>,
  resolvConf: string,
  traces: TraceSettings,
): PodSettings {
  // Pods may reach the bus under another name than the operator does.
  const url = env.ANNEAL_WORKER_NATS_URL ?? env.ANNEAL_NATS_URL;
  return {
    image: env.ANNEAL_WORKER_IMAGE,
    imagePullPolicy: env.ANNEAL_WORKER_PULL_POLICY,
    bus:
      url === undefined
        ? undefined
        : { url, port: portOf(url), namespace: env.ANNEAL_WORKER_NATS_NAMESPACE },
    traces:
      traces.type === 'On'
        ? {
            endpoint: traces.endpoint,
            port: webPortOf(traces.endpoint),
            namespace: env.ANNEAL_TRACES_NAMESPACE,
          }
        : undefined,
    hubEndpoint: env.ANNEAL_HUB_ENDPOINT,
    nameServers: [...new Set([...env.ANNEAL_NAME_SERVERS, ...nameServersOf(resolvConf)])],
    monitoringNamespace: env.ANNEAL_MONITORING_NAMESPACE,
    resources: env.ANNEAL_POD_RESOURCES,
    devices: deviceSettings(env.ANNEAL_DEVICES),
    coschedulingScheduler: env.ANNEAL_COSCHEDULING_SCHEDULER,
  };
}

function deviceSettings(told: z.output<typeof devices>): DeviceSettings {
  const { image, pullPolicy: imagePullPolicy, resourceName, runtimeClassName, memory } = told;
  return {
    ...{ image, imagePullPolicy, resourceName },
    runtimeClassName: runtimeClassName === '' ? undefined : runtimeClassName,
    memoryBytes: memory === '' ? undefined : parseQuantity(memory),
  };
}

/** Networks of one address each. One of a zone or of the machine itself is nobody else's. */
export function nameServersOf(resolvConf: string): readonly string[] {
  return resolvConf.split('\n').flatMap((line) => {
    const [, address] = /^\s*nameserver\s+(\S+)/.exec(line) ?? [];
    if (address === undefined || /^(127\.|::1$)/.test(address)) return [];
    const cidr = `${address}/${address.includes(':') ? 128 : 32}`;
    return isCidr(cidr) ? [cidr] : [];
  });
}

function webPortOf(address: string): number {
  const { port, protocol } = new URL(address);
  return Number(port || (protocol === 'http:' ? 80 : 443));
}

const natsPort = 4222;

function portOf(urls: string): number {
  const [first = ''] = urls.split(',');
  return Number(new URL(first).port || natsPort);
}
