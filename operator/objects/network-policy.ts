// Whom the pods of a job may talk to. Workers: each other, names, the bus, and object stores that they use themselves. `init` and
// `publish`: names, the bus, https, and nobody talks to them. The metadata service of a cloud is out of reach unless the job says else, also
// by a network that holds it among others.
import { childName } from '../../crds/child-names.ts';
import { closedWithin, isClosed, parseCidr } from '../../crds/cidr.ts';
import { Component, label } from '../../crds/labels.ts';
import { podPort } from '../../crds/wire/pod.ts';
import { type BuiltJob, metadataOf } from './child.ts';
import { type PodRole, placesOf } from './places.ts';
import type { PodSettings } from './settings.ts';

interface Rule {
  readonly to?: readonly object[];
  readonly from?: readonly object[];
  readonly ports?: readonly { readonly port: number; readonly protocol: 'TCP' | 'UDP' }[];
}

const tcp = (port: number) => ({ port, protocol: 'TCP' as const });

export function networkPolicies(job: BuiltJob, settings: PodSettings) {
  if (job.spec.network.policy === 'None') return [];
  return [workerPolicy(job, settings), ioPolicy(job, settings)];
}

function workerPolicy(job: BuiltJob, settings: PodSettings) {
  const { monitoringNamespace } = settings;
  const metrics: readonly Rule[] =
    monitoringNamespace === undefined
      ? []
      : [{ from: [inNamespace(monitoringNamespace)], ports: [tcp(podPort.metrics)] }];
  const alone = placesOf(job).shared === undefined;
  return policy(job, childName.workerPolicy(job.name), [Component.Worker], {
    ingress: [{ from: [sameJob(job)] }, ...metrics],
    egress: [
      { to: [sameJob(job)] },
      names(settings),
      ...bus(settings),
      ...collector(job, settings),
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
      ...collector(job, settings),
      ...outside(job, settings, 'prepare'),
      ...stores(job, 'publish'),
      ...ownNetworks(job),
    ],
  });
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

function inNamespace(name: string) {
  return { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } };
}

/**
 * Whatever answers on the port of names: any pod of the cluster, because clusters run their servers under many labels, and addresses that
 * are no pod's: NodeLocal DNSCache listens on a link-local address of the node, or there on that of the service.
 */
function names({ nameServers }: PodSettings): Rule {
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

function collector(job: BuiltJob, { traces }: PodSettings): readonly Rule[] {
  if (traces === undefined || job.spec.observability.traceSampling === 'None') return [];
  const { namespace, port } = traces;
  return [{ to: namespace ? [inNamespace(namespace)] : anywhere(job), ports: [tcp(port)] }];
}

function stores(job: BuiltJob, role: PodRole): readonly Rule[] {
  const ports = new Set(
    placesOf(job)
      .stores.filter((store) => store.role === role)
      .map(({ port }) => port),
  );
  return ports.size === 0 ? [] : [{ to: anywhere(job), ports: [...ports].map(tcp) }];
}

function outside(job: BuiltJob, { hubEndpoint }: PodSettings, role: PodRole): readonly Rule[] {
  const url = hubEndpoint === undefined ? undefined : new URL(hubEndpoint);
  const hub = Number(url?.port || (url?.protocol === 'http:' ? 80 : 443));
  const own = placesOf(job).stores.filter((store) => store.role === role);
  const ports = new Set([443, hub, ...own.map(({ port }) => port)]);
  return [{ to: anywhere(job), ports: [...ports].sort((a, b) => a - b).map(tcp) }];
}

function anywhere(job: BuiltJob): readonly object[] {
  return networks(job, ['0.0.0.0/0', '::/0']);
}

function ownNetworks(job: BuiltJob): readonly Rule[] {
  const to = networks(job, job.spec.network.egressCIDRs);
  return to.length === 0 ? [] : [{ to }];
}

/** Without what is closed. A network that is closed as a whole is refused with the job; here it opens nothing. */
function networks({ spec }: BuiltJob, cidrs: readonly string[]): readonly object[] {
  const allowsAll = spec.network.allowMetadataService === 'Allow';
  return cidrs.flatMap((cidr) => {
    const network = parseCidr(cidr);
    if (allowsAll || network === undefined) return [{ ipBlock: { cidr } }];
    if (isClosed(network)) return [];
    const except = closedWithin(network);
    return [{ ipBlock: except.length === 0 ? { cidr } : { cidr, except } }];
  });
}
