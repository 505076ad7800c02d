// The objects of a pool: a Job of one pod, a NetworkPolicy by which the pod reaches nobody and the
// operator reaches it, and the list of its jobs. The Job controller never has two pods of it at
// once: they would write to the same run folders.
import type { V1PodSpec } from '@kubernetes/client-node';
import { poolChild } from '../../crds/names/child-names.ts';
import { poolNames } from '../../crds/names/group.ts';
import { label, poolComponent } from '../../crds/names/labels.ts';
import { parseQuantity } from '../../crds/schema/quantity.ts';
import { podPath } from '../../crds/wire/pod.ts';
import {
  type PodPool,
  type PoolList,
  poolList,
  poolPort,
  poolVariable,
} from '../../crds/wire/pool.ts';
import { deviceTolerations, runtimeClassOf } from '../objects/devices.ts';
import { inNamespace, tcp } from '../objects/network-policy.ts';
import { onePodJob, ownedMetadata } from '../objects/owned.ts';
import { referencesTo } from '../objects/references.ts';
import { textsOf } from '../objects/resources.ts';
import { containerSecurity, podSecurity } from '../objects/security.ts';
import type { PodSettings } from '../objects/settings.ts';
import {
  claimVolumes,
  folderOfClaim,
  imageVolumes,
  podVolumes,
  temporarySize,
} from '../objects/volumes.ts';
import type { ObservedPool } from './observed.ts';

/** A pool of which objects can be made. */
export interface BuiltPool extends ObservedPool {
  readonly spec: NonNullable<ObservedPool['spec']>;
}

/** A pod that fails is replaced, with the pauses of the Job controller. */
const podRetries = 1_000_000;

function metadataFor(pool: BuiltPool, child: string) {
  return ownedMetadata(pool.metadata, child, {
    ...{ kind: poolNames.kind, component: poolComponent },
    labels: { name: label.poolName, uid: label.poolUid },
  });
}

export function listFor(pool: BuiltPool, list: PoolList) {
  return {
    metadata: metadataFor(pool, poolChild.list(pool.metadata.name)),
    data: { [poolList.file]: JSON.stringify(list) },
  };
}

export function policyFor(pool: BuiltPool, operatorNamespace: string) {
  const operator = { podSelector: { matchLabels: { 'app.kubernetes.io/component': 'operator' } } };
  return {
    metadata: metadataFor(pool, poolChild.job(pool.metadata.name)),
    spec: {
      podSelector: { matchLabels: { [label.poolUid]: pool.metadata.uid } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { from: [{ ...inNamespace(operatorNamespace), ...operator }], ports: [tcp(poolPort)] },
      ],
      egress: [],
    },
  };
}

export function jobFor(pool: BuiltPool, settings: PodSettings) {
  return onePodJob({
    metadata: metadataFor(pool, poolChild.job(pool.metadata.name)),
    ...{ generation: pool.generation, retries: podRetries, pod: podFor(pool, settings) },
  });
}

function podFor(pool: BuiltPool, settings: PodSettings): V1PodSpec {
  const { spec } = pool;
  const devices = { ...spec, devicesPerWorker: spec.devices };
  const site = spec.devices > 0 ? settings.devices : settings;
  const runtimeClassName = runtimeClassOf(devices, settings);
  const list = { name: 'jobs', configMap: { name: poolChild.list(pool.metadata.name) } };
  const { volumes, mounts } = podVolumes([
    { volume: { name: 'tmp', emptyDir: { sizeLimit: temporarySize } }, at: podPath.temporary },
    { volume: list, at: poolList.folder, readOnly: true },
    ...claimVolumes({ claims: claimsOf(pool) }, 'worker'),
    ...imageVolumes(modelOf(pool), 'prepare', settings),
  ]);
  return {
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    securityContext: podSecurity,
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds,
    ...(spec.imagePullSecrets && { imagePullSecrets: spec.imagePullSecrets }),
    ...(spec.nodeSelector && { nodeSelector: spec.nodeSelector }),
    ...(runtimeClassName === undefined ? {} : { runtimeClassName }),
    tolerations: [
      ...(spec.tolerations ?? []),
      ...deviceTolerations(devices, settings),
    ] as NonNullable<V1PodSpec['tolerations']>,
    containers: [
      {
        name: poolComponent,
        // The site's alone: limits for images of jobs do not apply here.
        ...{ image: site.image, imagePullPolicy: site.imagePullPolicy },
        command: ['node', '/app/worker/pool/main.js'],
        env: [
          { name: poolVariable, value: JSON.stringify(toldTo(pool)) },
          ...(spec.devices > 0 ? [{ name: 'CUDA_DEVICE_ORDER', value: 'PCI_BUS_ID' }] : []),
        ],
        volumeMounts: mounts,
        resources: resourcesOf(pool, settings),
        ports: [{ name: 'http', containerPort: poolPort, protocol: 'TCP' }],
        readinessProbe: {
          httpGet: { path: '/healthz', port: 'http' },
          ...{ timeoutSeconds: 3, periodSeconds: 2, failureThreshold: 2 },
        },
        securityContext: containerSecurity,
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
    ],
    volumes,
  };
}

function modelOf({ spec }: BuiltPool) {
  return referencesTo(spec.model.source);
}

function claimsOf(pool: BuiltPool) {
  const base = modelOf(pool).claims.map(({ claimName }) => ({ claimName, writes: false }));
  const own = { claimName: pool.spec.claimName, writes: true };
  return [own, ...base].map((use) => ({ ...use, role: 'worker' as const }));
}

function toldTo(pool: BuiltPool): PodPool {
  const { spec, metadata } = pool;
  const cpu = spec.resources?.limits?.['cpu'] ?? spec.resources?.requests?.['cpu'];
  const claims = claimsOf(pool).map(({ claimName }) => claimName);
  return {
    ...{ name: metadata.name, namespace: metadata.namespace, root: folderOfClaim(spec.claimName) },
    volumes: Object.fromEntries(claims.map((claim) => [claim, folderOfClaim(claim)])),
    list: `${poolList.folder}/${poolList.file}`,
    ...{ jobs: spec.jobs, devices: spec.devices, port: poolPort },
    ...(cpu === undefined ? {} : { threads: Math.max(1, Math.floor(parseQuantity(cpu))) }),
    graceSeconds: spec.terminationGracePeriodSeconds,
  };
}

function resourcesOf({ spec }: BuiltPool, settings: PodSettings) {
  const { resources: site, devices } = settings;
  const own = spec.devices > 0 ? { [devices.resourceName]: spec.devices } : {};
  return textsOf({
    requests: { ...(spec.resources?.requests ?? site.worker.requests), ...own },
    limits: { ...(spec.resources?.limits ?? site.worker.limits), ...own },
  });
}
