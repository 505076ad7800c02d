// The objects of a server: a Service by its name, the list of its adapters, and a Deployment whose
// pods read the list. A change of the list does not change the pods.
import type { V1ConfigMap, V1PodSpec, V1Service } from '@kubernetes/client-node';
import type { ServerSpec } from '../../crds/api/adapter-server.ts';
import { serverChild } from '../../crds/names/child-names.ts';
import { defaultSpan } from '../../crds/names/compose-modes.ts';
import { apiVersion, serverNames } from '../../crds/names/group.ts';
import { label, serverComponent } from '../../crds/names/labels.ts';
import { parseQuantity } from '../../crds/schema/quantity.ts';
import type { Composition } from '../../crds/serve/compositions.ts';
import { listPath, type PodServing, servingPort, servingVariable } from '../../crds/serve/pod.ts';
import { podPath } from '../../crds/wire/pod.ts';
import { managedLabels } from '../objects/child.ts';
import { deviceTolerations, runtimeClassOf } from '../objects/devices.ts';
import { sourceVariables } from '../objects/environment.ts';
import { referencesTo } from '../objects/references.ts';
import { containerSecurity, podSecurity } from '../objects/security.ts';
import type { PodSettings } from '../objects/settings.ts';
import {
  claimVolumes,
  folderOfClaim,
  imageVolumes,
  type Mounted,
  podVolumes,
  temporarySize,
} from '../objects/volumes.ts';
import type { Places } from './places.ts';

export interface BuiltServer {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly spec: ServerSpec;
  readonly places: Places;
}

/** A base that is fetched first takes a while. */
const progressSeconds = 3600;

function metadataFor({ name, namespace, uid }: BuiltServer, child: string) {
  const owner = { apiVersion, kind: serverNames.kind, name, uid };
  return {
    ...{ name: child, namespace, labels: labelsFor({ name, uid }) },
    ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
  };
}

function labelsFor({ name, uid }: Pick<BuiltServer, 'name' | 'uid'>) {
  return {
    [label.serverName]: name,
    [label.serverUid]: uid,
    [label.component]: serverComponent,
    ...managedLabels,
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/component': serverComponent,
  };
}

function selectorOf({ uid }: BuiltServer) {
  return { [label.serverUid]: uid, [label.component]: serverComponent };
}

/** As autoscalers write selectors. */
export function selectorText(server: BuiltServer): string {
  return Object.entries(selectorOf(server))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

export function urlOf({ name, namespace }: Pick<BuiltServer, 'name' | 'namespace'>): string {
  return `http://${serverChild.service(name)}.${namespace}.svc:${servingPort}/v1`;
}

export function serviceFor(server: BuiltServer) {
  return {
    metadata: metadataFor(server, serverChild.service(server.name)),
    spec: {
      selector: selectorOf(server),
      ports: [{ name: 'http', port: servingPort, targetPort: 'http', protocol: 'TCP' }],
    },
  } satisfies V1Service;
}

/** Rewritten when adapters come or go; kubelet puts it into the pods. */
export function listFor(server: BuiltServer) {
  const adapters = server.places.listed;
  return {
    metadata: metadataFor(server, serverChild.adapters(server.name)),
    data: { [listPath.file]: JSON.stringify({ adapters }) },
  } satisfies V1ConfigMap;
}

export function deploymentFor(server: BuiltServer, settings: PodSettings) {
  const { name, uid, spec } = server;
  return {
    metadata: metadataFor(server, serverChild.deployment(name)),
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: selectorOf(server) },
      // A pod goes when one that is ready has taken its place.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      revisionHistoryLimit: 2,
      progressDeadlineSeconds: progressSeconds,
      template: { metadata: { labels: labelsFor({ name, uid }) }, spec: podOf(server, settings) },
    },
  };
}

function podOf(server: BuiltServer, settings: PodSettings): V1PodSpec {
  const { spec } = server;
  const devices = { ...spec, devicesPerWorker: spec.devicesPerReplica };
  const site = spec.devicesPerReplica > 0 ? settings.devices : settings;
  const references = referencesTo(spec.model.source, 'model');
  const { volumes, mounts } = podVolumes(partsOf(server, settings));
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
    containers: [
      {
        name: serverComponent,
        // The site's alone: limits for images of jobs do not apply here.
        image: site.image,
        imagePullPolicy: site.imagePullPolicy,
        command: ['node', '/app/cli/serve/pod-main.js'],
        env: [
          { name: servingVariable, value: JSON.stringify(servingOf(server)) },
          ...sourceVariables(references, settings),
        ],
        volumeMounts: mounts,
        resources: resourcesOf(spec, settings),
        ports: [{ name: 'http', containerPort: servingPort, protocol: 'TCP' }],
        readinessProbe: { ...probe('/readyz'), periodSeconds: 2, failureThreshold: 2 },
        livenessProbe: { ...probe('/healthz'), periodSeconds: 10, failureThreshold: 6 },
        securityContext: containerSecurity,
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
    ],
    volumes,
  };
}

function probe(path: string) {
  return { httpGet: { path, port: 'http' }, timeoutSeconds: 3 };
}

function partsOf({ name, spec, places }: BuiltServer, settings: PodSettings): readonly Mounted[] {
  const references = referencesTo(spec.model.source, 'model');
  const claims = claimsOf(spec, places);
  const read = claims.map((claimName) => ({ claimName, role: 'prepare', writes: false }) as const);
  return [
    {
      volume: { name: 'adapters', configMap: { name: serverChild.adapters(name) } },
      ...{ at: listPath.folder, readOnly: true },
    },
    { volume: { name: 'tmp', emptyDir: { sizeLimit: temporarySize } }, at: podPath.temporary },
    {
      volume: { name: 'scratch', emptyDir: { sizeLimit: String(spec.scratchSize) } },
      at: podPath.scratch,
    },
    ...claimVolumes({ claims: read }, 'prepare'),
    ...imageVolumes(references, 'prepare', settings),
  ];
}

function claimsOf({ model }: ServerSpec, { claims }: Places): readonly string[] {
  const own = model.source.persistentVolumeClaim?.claimName;
  return [...new Set([...claims, ...(own === undefined ? [] : [own])])].sort();
}

function servingOf({ spec, places }: BuiltServer): PodServing {
  const { limits, precision, devicesPerReplica } = spec;
  const isOnDevice = devicesPerReplica > 0;
  const volumes = claimsOf(spec, places).map((claim) => [claim, folderOfClaim(claim)]);
  return {
    name: spec.modelName,
    model: spec.model,
    volumes: Object.fromEntries(volumes),
    device: isOnDevice ? 'cuda:0' : 'cpu',
    dtype:
      (precision ?? (isOnDevice ? 'BFloat16' : 'Float32')) === 'Float32' ? 'float32' : 'bfloat16',
    compositions: spec.compose.map(compositionOf),
    anyBase: spec.acceptUnnamedBase,
    queue: limits.queue,
    limits: {
      together: limits.sequences,
      context: limits.context,
      cacheBytes: parseQuantity(limits.cacheMemory),
      maxTokens: limits.maxTokens,
    },
  };
}

const modeOf = {
  Merge: 'merge',
  Logits: 'logits',
  Switch: 'switch',
  Dominant: 'dominant',
} as const;

function compositionOf({ name, mode, parts, span }: ServerSpec['compose'][number]): Composition {
  const weighted = parts.map(({ adapter, weight }) => ({ adapter, weight: Number(weight ?? 1) }));
  return { name, mode: modeOf[mode], parts: weighted, span: span ?? defaultSpan };
}

/** What the spec says, then what the site gives to workers. */
function resourcesOf({ resources, devicesPerReplica }: ServerSpec, settings: PodSettings) {
  const site = settings.resources.worker;
  const devices =
    devicesPerReplica > 0 ? { [settings.devices.resourceName]: devicesPerReplica } : {};
  const texts = (map: Readonly<Record<string, string | number>>) =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [key, String(value)]));
  return {
    requests: texts({ ...(resources?.requests ?? site.requests), ...devices }),
    limits: texts({ ...(resources?.limits ?? site.limits), ...devices }),
  };
}
