// The "restricted" Pod Security profile as its documentation lists it, written without a look at
// our builders. Returns what a pod violates. A real API server judges too, in test/cluster.
import type { V1PodSpec } from '@kubernetes/client-node';

type Loose = { readonly [key: string]: unknown };

const volumeTypes = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

export function violations(spec: V1PodSpec): readonly string[] {
  const pod = (spec.securityContext ?? {}) as Loose;
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const seccomp = (context: Loose) => (context['seccompProfile'] as Loose | undefined)?.['type'];
  return [
    ...['hostNetwork', 'hostPID', 'hostIPC', 'hostUsers']
      .filter((key) => (spec as unknown as Loose)[key] === true)
      .map((key) => `spec.${key}`),
    ...(spec.volumes ?? []).flatMap((volume) =>
      Object.keys(volume)
        .filter((key) => key !== 'name' && !volumeTypes.has(key))
        .map((key) => `volume ${volume.name} is ${key}`),
    ),
    ...containers.flatMap(({ name, securityContext, ports }) => {
      const own = (securityContext ?? {}) as Loose;
      const capabilities = (own['capabilities'] ?? {}) as { add?: string[]; drop?: string[] };
      const profile = seccomp(own) ?? seccomp(pod);
      const user = own['runAsUser'] ?? pod['runAsUser'];
      const found = [
        own['privileged'] === true && 'privileged',
        own['allowPrivilegeEscalation'] !== false && 'allowPrivilegeEscalation',
        (own['runAsNonRoot'] ?? pod['runAsNonRoot']) !== true && 'runAsNonRoot',
        user === 0 && 'runAsUser',
        !capabilities.drop?.includes('ALL') && 'capabilities.drop',
        capabilities.add?.some((each) => each !== 'NET_BIND_SERVICE') && 'capabilities.add',
        profile !== 'RuntimeDefault' && profile !== 'Localhost' && 'seccompProfile',
        own['procMount'] !== undefined && own['procMount'] !== 'Default' && 'procMount',
        ports?.some(({ hostPort }) => hostPort !== undefined && hostPort !== 0) && 'hostPort',
      ];
      return found.filter((each) => typeof each === 'string').map((each) => `${name}: ${each}`);
    }),
  ];
}
