// Network policies of the pods of a job. Workers reach each other, DNS, the bus, and object stores
// that they use themselves; `init` and `publish` reach DNS, the bus and https, and nothing reaches
// them. The metadata service of a cloud is out of reach unless the job allows it, also where a
// permitted network contains it.
import { childName, sharedName } from '../../crds/names/child-names.ts';
import { Component, label, Network } from '../../crds/names/labels.ts';
import { closedWithin, isClosed, parseCidr } from '../../crds/schema/cidr.ts';
import { podPort } from '../../crds/wire/pod.ts';
import { type BuiltJob, managedLabels, metadataOf } from './child.ts';
import { type PodRole, referencesOf } from './references.ts';
import type { PodSettings } from './settings.ts';

interface Rule {
  readonly to?: readonly object[];
  readonly from?: readonly object[];
  readonly ports?: readonly { readonly port: number; readonly protocol: 'TCP' | 'UDP' }[];
}

export const tcp = (port: number) => ({ port, protocol: 'TCP' as const });

/** Of a job that needs more than the policies of its namespace give, or less. */
export function networkPolicies(job: BuiltJob, settings: PodSettings) {
  if (job.spec.network.policy === 'None') return [];
  return [
    ...(isShared(job, settings, Network.Worker) ? [] : [workerPolicy(job, settings)]),
    ...(isShared(job, settings, Network.Io) ? [] : [ioPolicy(job, settings)]),
  ];
}

/**
 * Those of the namespace that hold pods of the job: made with the first job that needs them, and
 * left there.
 */
export function sharedPolicies(job: BuiltJob, settings: PodSettings) {
  return Object.values(Network)
    .filter((network) => isShared(job, settings, network))
    .map((network) => sharedPolicy(job.namespace, network, settings));
}

/** By these the policy of the namespace finds the pod. */
export function networkLabels(
  job: BuiltJob,
  component: Component,
  settings: PodSettings,
): Record<string, string> {
  const network = component === Component.Worker ? Network.Worker : Network.Io;
  return isShared(job, settings, network) ? { [label.network]: network } : {};
}

/**
 * The job changes nothing about the peers of its pods: an only worker talks to no other, since what
 * its trainers say to each other stays in the pod, and no stores or networks are named.
 */
function isShared(job: BuiltJob, { traces }: PodSettings, network: Network): boolean {
  const { network: asked, worker, observability } = job.spec;
  const { shared, stores } = referencesOf(job);
  const isPlain =
    asked.policy === 'Restricted' &&
    asked.allowMetadataService === 'Deny' &&
    asked.egressCIDRs.length === 0 &&
    (traces === undefined || observability.traceSampling !== 'None');
  if (!isPlain) return false;
  if (network === Network.Io) return stores.every(({ role }) => role === 'worker');
  const isAlone = worker.replicas === 1 && worker.elasticity === 'None';
  return isAlone && shared !== undefined && stores.every(({ role }) => role !== 'worker');
}

function sharedPolicy(namespace: string, network: Network, settings: PodSettings) {
  const isWorker = network === Network.Worker;
  return {
    metadata: {
      name: sharedName.policy(network),
      namespace,
      labels: { [label.network]: network, ...managedLabels },
    },
    spec: {
      podSelector: { matchLabels: { [label.network]: network } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: isWorker ? monitors(settings) : [],
      egress: [
        names(settings),
        ...bus(settings),
        ...collector(settings, everywhere),
        ...(isWorker ? [] : [web(settings, [], everywhere)]),
      ],
    },
  };
}

function workerPolicy(job: BuiltJob, settings: PodSettings) {
  const alone = referencesOf(job).shared === undefined;
  return policy(job, childName.workerPolicy(job.name), [Component.Worker], {
    ingress: [{ from: [sameJob(job)] }, ...monitors(settings)],
    egress: [
      { to: [sameJob(job)] },
      names(settings),
      ...bus(settings),
      ...collectorOf(job, settings),
      ...stores(job, 'worker'),
      // A worker pod that prepares for itself reaches what an init pod reaches.
      ...(alone ? outside(job, settings, 'prepare') : []),
      ...ownNetworks(job),
    ],
  });
}

function ioPolicy(job: BuiltJob, settings: PodSettings) {
  return policy(job, childName.ioPolicy(job.name), [Component.Init, Component.Publish], {
    ingress: [],
    egress: [
      names(settings),
      ...bus(settings),
      ...collectorOf(job, settings),
      ...outside(job, settings, 'prepare'),
      ...stores(job, 'publish'),
      ...ownNetworks(job),
    ],
  });
}

function monitors({ monitoringNamespace }: PodSettings): readonly Rule[] {
  if (monitoringNamespace === undefined) return [];
  return [{ from: [inNamespace(monitoringNamespace)], ports: [tcp(podPort.metrics)] }];
}

function policy(
  job: BuiltJob,
  name: string,
  components: readonly Component[],
  { ingress, egress }: { readonly ingress: readonly Rule[]; readonly egress: readonly Rule[] },
) {
  const open = job.spec.network.policy === 'Open';
  return {
    metadata: metadataOf(job, name),
    spec: {
      podSelector: {
        matchLabels: { [label.jobUid]: job.uid },
        matchExpressions: [{ key: label.component, operator: 'In', values: components }],
      },
      policyTypes: open ? ['Ingress'] : ['Ingress', 'Egress'],
      ingress,
      ...(open ? {} : { egress }),
    },
  };
}

function sameJob({ uid }: BuiltJob) {
  return { podSelector: { matchLabels: { [label.jobUid]: uid } } };
}

export function inNamespace(name: string) {
  return { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } };
}

/**
 * Whatever answers on the port of names: any pod of the cluster, because clusters run their servers
 * under many labels, and addresses that are no pod's: NodeLocal DNSCache listens on a link-local
 * address of the node, or there on that of the service.
 */
export function names({ nameServers }: PodSettings): Rule {
  return {
    to: [{ namespaceSelector: {} }, ...nameServers.map((cidr) => ({ ipBlock: { cidr } }))],
    ports: [{ port: 53, protocol: 'UDP' }, tcp(53)],
  };
}

function bus({ bus: settings }: PodSettings): readonly Rule[] {
  if (settings === undefined) return [];
  const ports = [tcp(settings.port)];
  return settings.namespace === undefined
    ? [{ ports }]
    : [{ to: [inNamespace(settings.namespace)], ports }];
}

function collectorOf(job: BuiltJob, settings: PodSettings): readonly Rule[] {
  if (job.spec.observability.traceSampling === 'None') return [];
  return collector(settings, anywhere(job));
}

function collector({ traces }: PodSettings, outside: readonly object[]): readonly Rule[] {
  if (traces === undefined) return [];
  const { namespace, port } = traces;
  return [{ to: namespace ? [inNamespace(namespace)] : outside, ports: [tcp(port)] }];
}

function stores(job: BuiltJob, role: PodRole): readonly Rule[] {
  const ports = new Set(
    referencesOf(job)
      .stores.filter((store) => store.role === role)
      .map(({ port }) => port),
  );
  return ports.size === 0 ? [] : [{ to: anywhere(job), ports: [...ports].map(tcp) }];
}

function outside(job: BuiltJob, settings: PodSettings, role: PodRole): readonly Rule[] {
  const own = referencesOf(job).stores.filter((store) => store.role === role);
  const ports = own.map(({ port }) => port);
  return [web(settings, ports, anywhere(job))];
}

/** What hubs and stores listen on. */
function web({ hubEndpoint }: PodSettings, more: readonly number[], to: readonly object[]): Rule {
  const url = hubEndpoint === undefined ? undefined : new URL(hubEndpoint);
  const hub = Number(url?.port || (url?.protocol === 'http:' ? 80 : 443));
  const ports = new Set([443, hub, ...more]);
  return { to, ports: [...ports].sort((a, b) => a - b).map(tcp) };
}

const all = ['0.0.0.0/0', '::/0'];

function anywhere(job: BuiltJob): readonly object[] {
  return networks(all, job.spec.network.allowMetadataService === 'Allow');
}

function ownNetworks(job: BuiltJob): readonly Rule[] {
  const { egressCIDRs, allowMetadataService } = job.spec.network;
  const to = networks(egressCIDRs, allowMetadataService === 'Allow');
  return to.length === 0 ? [] : [{ to }];
}

/**
 * Without what is closed. A network that is closed as a whole is refused with the job; here it
 * opens nothing.
 */
function networks(cidrs: readonly string[], allowsAll: boolean): readonly object[] {
  return cidrs.flatMap((cidr) => {
    const network = parseCidr(cidr);
    if (allowsAll || network === undefined) return [{ ipBlock: { cidr } }];
    if (isClosed(network)) return [];
    const except = closedWithin(network);
    return [{ ipBlock: except.length === 0 ? { cidr } : { cidr, except } }];
  });
}

/** But for what is closed. */
export const everywhere = networks(all, false);
