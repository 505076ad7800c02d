// Where a job has written checkpoints and results. Those in volumes can be removed through a pod
// that mounts them; for the others only the location is printed. The list never names data that the
// job did not write, nor a whole volume.
import * as z from 'zod';
import { childName } from '../../crds/names/child-names.ts';
import { podPath, podVariable } from '../../crds/wire/pod.ts';
import type { Job } from './job.ts';

export interface VolumePath {
  readonly claimName: string;
  /** Inside the claim; never empty. */
  readonly path: string;
}

interface DataLocations {
  readonly volumes: readonly VolumePath[];
  /** Locations that are not volumes: buckets, hubs. */
  readonly elsewhere: readonly string[];
}

const container = z.object({
  image: z.string(),
  imagePullPolicy: z.string().optional(),
  securityContext: z.looseObject({}).optional(),
  env: z.array(z.object({ name: z.string(), value: z.string().optional() })).default([]),
});

/** The Job of the job on the cluster; only the pod fields that our own pod copies. */
export const childJob = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({
        containers: z.array(container).min(1),
        securityContext: z.looseObject({}).optional(),
        imagePullSecrets: z.array(z.looseObject({})).optional(),
      }),
    }),
  }),
});
export type ChildJob = z.output<typeof childJob>;

export function dataLocationsOf(
  { name, uid, spec, status }: Job,
  children: readonly ChildJob[],
): DataLocations {
  const run = children.flatMap(runFolderOf);
  const claim = spec.checkpoint.destination?.persistentVolumeClaim;
  // The workers write into this folder below the destination; the UID separates jobs of the same
  // name.
  const checkpoints =
    claim === undefined
      ? []
      : [location(claim.claimName, `${claim.path}/${name}-${uid.slice(0, 8)}`)];
  const uris = (status.artifacts ?? []).map(({ uri }) => uri ?? '');
  const artifacts = uris.map(volumePathOf);
  // A claim that was created for the job is deleted with it.
  const own =
    spec.storage.data?.volumeClaimTemplate === undefined ? undefined : childName.dataClaim(name);
  const all = [...run, ...checkpoints, ...artifacts]
    .filter((one) => one !== undefined)
    .filter(({ claimName }) => claimName !== own);
  const byLocation = new Map(all.map((one) => [uriOf(one), one]));
  return {
    volumes: [...byLocation.values()],
    elsewhere: uris.filter((uri, index) => uri !== '' && artifacts[index] === undefined),
  };
}

export function uriOf({ claimName, path }: VolumePath): string {
  return `pvc://${claimName}/${path}`;
}

/**
 * `pvc://notes/out` for `/volumes/notes/out`, a path that only exists in a pod; any other path is
 * unchanged.
 */
export function outsideOfPod(path: string): string {
  const inside = below(podPath.volumes, path);
  return inside === '' ? path : `pvc://${inside}`;
}

/** Records and checkpoints of the run, where they are on a volume. */
function runFolderOf({ spec }: ChildJob): readonly (VolumePath | undefined)[] {
  const variables = spec.template.spec.containers.flatMap(({ env }) => env);
  const folder = variables.find(({ name }) => name === podVariable.runFolder)?.value ?? '';
  const [, claimName, path] = /^([^/]+)\/(.+)$/.exec(below(podPath.volumes, folder)) ?? [];
  return claimName === undefined || path === undefined ? [] : [location(claimName, path)];
}

function below(root: string, path: string): string {
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : '';
}

function volumePathOf(uri: string): VolumePath | undefined {
  const [, claimName, path] = /^pvc:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  return claimName === undefined || path === undefined ? undefined : location(claimName, path);
}

/** Undefined for a whole volume, and for a path that leaves it. */
function location(claimName: string, path: string): VolumePath | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || parts.includes('..')) return undefined;
  return { claimName, path: parts.join('/') };
}
