// What pods of a server have in common, whatever computes the answers in them.
import type { V1Container, V1PodSpec } from '@kubernetes/client-node';
import type { ServerSpec } from '../../crds/api/adapter-server.ts';
import { formatBytes } from '../../crds/schema/quantity.ts';
import { podPath } from '../../crds/wire/pod.ts';
import { deviceTolerations, runtimeClassOf } from '../objects/devices.ts';
import { referencesTo } from '../objects/references.ts';
import { podSecurity } from '../objects/security.ts';
import type { PodSettings } from '../objects/settings.ts';
import { claimVolumes, imageVolumes, type Mounted, temporarySize } from '../objects/volumes.ts';
import type { BuiltServer } from './built-server.ts';
import type { PlannedPod } from './planned-memory.ts';
import { claimsOf } from './serving.ts';

type Containers = Pick<V1PodSpec, 'initContainers' | 'containers' | 'volumes'>;

export function framed(
  { spec }: Pick<BuiltServer, 'spec'>,
  settings: PodSettings,
  containers: Containers,
): V1PodSpec {
  const devices = { ...spec, devicesPerWorker: spec.devicesPerReplica };
  const runtimeClassName = runtimeClassOf(devices, settings);
  const tolerations = [...(spec.tolerations ?? []), ...deviceTolerations(devices, settings)];
  return {
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    securityContext: podSecurity,
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds,
    ...(spec.imagePullSecrets && { imagePullSecrets: spec.imagePullSecrets }),
    ...(spec.nodeSelector && { nodeSelector: spec.nodeSelector }),
    ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
    tolerations: tolerations as NonNullable<V1PodSpec['tolerations']>,
    ...containers,
  };
}

/** Working space, and where base and adapters lie. */
export function storageOf(server: BuiltServer, settings: PodSettings): readonly Mounted[] {
  const { spec } = server;
  const references = referencesTo(spec.model.source);
  const read = claimsOf(server).map(
    (claimName) => ({ claimName, role: 'prepare', writes: false }) as const,
  );
  return [
    { volume: { name: 'tmp', emptyDir: { sizeLimit: temporarySize } }, at: podPath.temporary },
    {
      volume: { name: 'scratch', emptyDir: { sizeLimit: String(spec.scratchSize) } },
      at: podPath.scratch,
    },
    ...claimVolumes({ claims: read }, 'prepare'),
    ...imageVolumes(references, 'prepare', settings),
  ];
}

/** Of a probe by HTTP. */
export function probe(path: string) {
  return { httpGet: { path, port: 'http' }, timeoutSeconds: 3 };
}

const mebibyte = 2 ** 20;

/** What the spec says, then what is planned, then what the site gives to workers. */
export function resourcesOf(
  { resources, devicesPerReplica }: ServerSpec,
  settings: PodSettings,
  planned?: PlannedPod,
): NonNullable<V1Container['resources']> {
  const site = settings.resources.worker;
  const devices =
    devicesPerReplica > 0 ? { [settings.devices.resourceName]: devicesPerReplica } : {};
  const texts = (map: Readonly<Record<string, string | number>>) =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value)]));
  const isOwn = [resources?.requests, resources?.limits].some((map) => map?.['memory']);
  const { memory } = isOwn ? {} : (planned ?? {});
  const planning = (bytes: number | undefined) =>
    bytes === undefined ? {} : { memory: formatBytes(Math.ceil(bytes / mebibyte) * mebibyte) };
  return {
    requests: texts({
      ...(resources?.requests ?? site.requests),
      ...{ ...planning(memory?.request), ...devices },
    }),
    limits: texts({
      ...(resources?.limits ?? site.limits),
      ...{ ...planning(memory?.limit), ...devices },
    }),
  };
}
