// Names inside rendered objects that must lead to another object of the chart, or to one that a
// person was asked to make.
import type { Rendered } from './render.ts';

interface Pod {
  readonly spec: {
    readonly serviceAccountName?: string;
    readonly volumes?: readonly Record<string, unknown>[];
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
}

interface Container {
  readonly name: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly env?: readonly {
    readonly name: string;
    readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string } };
  }[];
  readonly [probe: string]: unknown;
}

export function podsOf(objects: readonly Rendered[]): readonly { at: string; pod: Pod }[] {
  return objects
    .filter(({ kind }) => ['Deployment', 'StatefulSet', 'DaemonSet', 'Job'].includes(kind))
    .map((object) => ({ at: idOf(object), pod: object['spec'].template as Pod }));
}

export function idOf({ kind, metadata }: Rendered): string {
  return `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}

/** Sentences about names that lead nowhere; `given` are names of objects that exist beforehand. */
export function brokenReferences(
  objects: readonly Rendered[],
  given: readonly string[],
): readonly string[] {
  const has = (kind: string, name: string) =>
    given.includes(name) || objects.some((o) => o.kind === kind && o.metadata.name === name);
  const pods = podsOf(objects);
  const selects = (selector: Readonly<Record<string, string>>) =>
    pods.filter(({ pod }) =>
      Object.entries(selector).every(([key, value]) => pod.metadata.labels[key] === value),
    );
  return [
    ...pods.flatMap(({ at, pod }) => podReferences(at, pod, has)),
    ...objects.flatMap((object) => {
      const at = idOf(object);
      if (object['roleRef'] !== undefined) {
        const { kind, name } = object['roleRef'];
        const subjects: { kind: string; name: string }[] = object['subjects'];
        // Users and groups are no objects of any cluster.
        const accounts = subjects.filter(({ kind }) => kind === 'ServiceAccount');
        const unknown = accounts.filter((each) => !has('ServiceAccount', each.name));
        return [
          ...(has(kind, name) ? [] : [`${at} binds ${kind} ${name}`]),
          ...unknown.map((each) => `${at} is for the account ${each.name}`),
        ];
      }
      return selectorProblems(object, selects);
    }),
  ];
}

function podReferences(at: string, pod: Pod, has: (kind: string, name: string) => boolean) {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const volumes = pod.spec.volumes ?? [];
  const account = pod.spec.serviceAccountName ?? 'default';
  const claims = ['data'];
  return [
    ...(account === 'default' || has('ServiceAccount', account)
      ? []
      : [`${at} runs as ${account}`]),
    ...volumes.flatMap((volume) => {
      const { configMap, secret } = volume as {
        configMap?: { name: string };
        secret?: { secretName: string };
      };
      if (configMap && !has('ConfigMap', configMap.name)) return [`${at} mounts ${configMap.name}`];
      if (secret && !has('Secret', secret.secretName)) return [`${at} mounts ${secret.secretName}`];
      return [];
    }),
    ...containers.flatMap(({ name, volumeMounts = [], env = [], ports = [], ...rest }) => [
      ...volumeMounts
        .filter((mount) => !volumes.some((each) => each['name'] === mount.name))
        .filter((mount) => !claims.includes(mount.name))
        .map((mount) => `${at} ${name} mounts the volume ${mount.name}`),
      ...env
        .flatMap(({ valueFrom }) => valueFrom?.secretKeyRef?.name ?? [])
        .filter((secret) => !has('Secret', secret))
        .map((secret) => `${at} ${name} reads the Secret ${secret}`),
      ...probePorts(rest)
        .filter((port) => !ports.some((each) => each.name === port))
        .map((port) => `${at} ${name} probes the port ${port}`),
      ...(new Set(env.map((each) => each.name)).size === env.length
        ? []
        : [`${at} ${name} sets a variable twice`]),
    ]),
  ];
}

function probePorts(container: Readonly<Record<string, unknown>>): readonly string[] {
  return ['startupProbe', 'livenessProbe', 'readinessProbe'].flatMap((key) => {
    const probe = container[key] as { httpGet?: { port?: string } } | undefined;
    return probe?.httpGet?.port ?? [];
  });
}

function selectorProblems(
  object: Rendered,
  selects: (selector: Readonly<Record<string, string>>) => readonly { pod: Pod }[],
): readonly string[] {
  const at = idOf(object);
  const { kind, spec } = object;
  if (kind === 'Service') {
    const found = selects(spec.selector);
    const names = found.flatMap(({ pod }) =>
      pod.spec.containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name)),
    );
    const ports: { targetPort: string }[] = spec.ports;
    const lost = ports.filter(({ targetPort }) => !names.includes(targetPort));
    return [
      ...(found.length === 1 ? [] : [`${at} selects ${found.length} kinds of pods`]),
      ...lost.map(({ targetPort }) => `${at} leads to the port ${targetPort}`),
    ];
  }
  const one = ['PodDisruptionBudget', 'Deployment', 'StatefulSet'].includes(kind)
    ? spec.selector.matchLabels
    : kind === 'NetworkPolicy'
      ? spec.podSelector.matchLabels
      : undefined;
  if (one === undefined) return [];
  const count = selects(one).length;
  return count === 1 ? [] : [`${at} selects ${count} kinds of pods`];
}
