// Volumes of a pod and where they are mounted. Paths are the contract of crds/wire/pod.ts.
import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import { childName } from '../../crds/names/child-names.ts';
import { group } from '../../crds/names/group.ts';
import { formatBytes } from '../../crds/schema/quantity.ts';
import { busAudience, podPath } from '../../crds/wire/pod.ts';
import type { BuiltJob } from './child.ts';
import { type PodRole, type References, referencesOf } from './references.ts';
import type { PodSettings } from './settings.ts';

interface PodVolumes {
  readonly volumes: V1Volume[];
  readonly mounts: V1VolumeMount[];
}

/** Node disk that a pod may use for what nobody misses. */
const defaultScratch = '20Gi';
export const temporarySize = '2Gi';
const tokenSeconds = 3600;

export function volumesOf(
  job: BuiltJob,
  role: PodRole,
  settings: PodSettings,
  shared: { readonly memoryBytes: number },
): PodVolumes {
  const references = referencesOf(job);
  const parts: readonly Mounted[] = [
    planVolume(job),
    { volume: { name: 'tmp', emptyDir: { sizeLimit: temporarySize } }, at: podPath.temporary },
    { volume: scratchVolume(job), at: podPath.scratch },
    ...(role === 'worker' ? [sharedMemory(job, shared.memoryBytes)] : []),
    ...(settings.bus === undefined ? [] : [busToken(job)]),
    ...claimVolumes(references, role),
    ...imageVolumes(references, role, settings),
  ];
  return podVolumes(parts);
}

export function podVolumes(parts: readonly Mounted[]): PodVolumes {
  return {
    volumes: parts.map(({ volume }) => volume),
    mounts: parts.map(({ volume, at, readOnly }) => ({
      name: volume.name,
      mountPath: at,
      ...(readOnly === true ? { readOnly } : {}),
    })),
  };
}

export interface Mounted {
  readonly volume: V1Volume;
  readonly at: string;
  readonly readOnly?: boolean;
}

function planVolume(job: BuiltJob): Mounted {
  const name = childName.plan(job.name, job.planDigest);
  return { volume: { name: 'plan', configMap: { name } }, at: podPath.planFolder, readOnly: true };
}

function scratchVolume({ spec }: BuiltJob): V1Volume {
  const scratch = spec.storage.scratch;
  const name = 'scratch';
  if (scratch?.persistentVolumeClaim !== undefined) {
    return { name, persistentVolumeClaim: { claimName: scratch.persistentVolumeClaim.claimName } };
  }
  if (scratch?.volumeClaimTemplate !== undefined) {
    const { size, storageClassName, accessMode } = scratch.volumeClaimTemplate;
    const storageClass = storageClassName === undefined ? {} : { storageClassName };
    const resources = { requests: { storage: String(size) } };
    const spec = { accessModes: [accessMode], resources, ...storageClass };
    return { name, ephemeral: { volumeClaimTemplate: { spec } } };
  }
  return { name, emptyDir: { sizeLimit: String(scratch?.ephemeral?.size ?? defaultScratch) } };
}

/** Counts against the memory limit of the container. */
function sharedMemory({ spec }: BuiltJob, bytes: number): Mounted {
  const sizeLimit = String(spec.worker.sharedMemorySize ?? formatBytes(bytes));
  return {
    volume: { name: 'shared-memory', emptyDir: { medium: 'Memory', sizeLimit } },
    at: podPath.sharedMemory,
  };
}

function busToken({ namespace, name, uid }: BuiltJob): Mounted {
  const audience = busAudience(group, namespace, name, uid);
  const serviceAccountToken = {
    audience,
    expirationSeconds: tokenSeconds,
    path: podPath.tokenFile,
  };
  return {
    volume: { name: 'bus-token', projected: { sources: [{ serviceAccountToken }] } },
    at: podPath.tokenFolder,
    readOnly: true,
  };
}

/**
 * A claim is mounted once, whatever it is used for; for writing where any use of this pod writes.
 */
export function claimVolumes(
  { claims }: Pick<References, 'claims'>,
  role: PodRole,
): readonly Mounted[] {
  const writes = new Map<string, boolean>();
  for (const use of claims) {
    if (use.role === role) {
      writes.set(use.claimName, use.writes || (writes.get(use.claimName) ?? false));
    }
  }
  return [...writes].map(([claimName, writable], index) => ({
    volume: { name: `claim-${index}`, persistentVolumeClaim: { claimName } },
    at: folderOfClaim(claimName),
    readOnly: !writable,
  }));
}

export function folderOfClaim(claimName: string): string {
  return `${podPath.volumes}/${claimName}`;
}

export function imageVolumes(
  { images }: References,
  role: PodRole,
  { imagePullPolicy: pullPolicy }: PodSettings,
): readonly Mounted[] {
  return images
    .filter((use) => use.role === role)
    .map(({ field, reference }) => ({
      volume: { name: `image-${field}`, image: { reference, pullPolicy } },
      at: folderOfImage(field),
      readOnly: true,
    }));
}

export function folderOfImage(field: string): string {
  return `${podPath.images}/${field}`;
}

const mebibyte = 2 ** 20;

/** Room for copies of what is trained, and for the queues of data loaders. */
export function sharedMemoryBytes(copies: number): number {
  return Math.ceil(copies / mebibyte) * mebibyte + 256 * mebibyte;
}
