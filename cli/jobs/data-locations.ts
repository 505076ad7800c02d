// Where a job has written: its checkpoints and its results. Those in volumes can be removed through
// a pod that mounts them; for the others it is told where they are. Nothing that the job did not
// write is named, and never a whole volume.
import * as z from 'zod';
import { childName } from '../../crds/names/child-names.ts';
import { podPath, podVariable } from '../../crds/wire/pod.ts';
import type { Job } from './job.ts';

export interface VolumePath {
  readonly claimName: string;
  /** Inside of the claim; never empty. */
  readonly path: string;
}

interface DataLocations {
  readonly volumes: readonly VolumePath[];
  /** Places that are no volumes: buckets, hubs. */
  readonly elsewhere: readonly string[];
}

const container = z.object({
  image: z.string(),
  imagePullPolicy: z.string().optional(),
  securityContext: z.looseObject({}).optional(),
  env: z.array(z.object({ name: z.string(), value: z.string().optional() })).default([]),
});

/** What a Job of the cluster says about its pods; the fields that a pod of ours takes over. */
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
  // The folder that the workers make below the destination; the UID keeps jobs of one name apart.
  const checkpoints =
    claim === undefined
      ? []
      : [location(claim.claimName, `${claim.path}/${name}-${uid.slice(0, 8)}`)];
  const uris = (status.artifacts ?? []).map(({ uri }) => uri ?? '');
  const artifacts = uris.map(volumePathOf);
  // A claim that was made for the job goes with it.
  const own =
    spec.storage.data?.volumeClaimTemplate === undefined ? undefined : childName.dataClaim(name);
  const all = [...run, ...checkpoints, ...artifacts]
    .filter((one) => one !== undefined)
    .filter(({ claimName }) => claimName !== own);
  const byPlace = new Map(all.map((one) => [uriOf(one), one]));
  return {
    volumes: [...byPlace.values()],
    elsewhere: uris.filter((uri, index) => uri !== '' && artifacts[index] === undefined),
  };
}

export function uriOf({ claimName, path }: VolumePath): string {
  return `pvc://${claimName}/${path}`;
}

/**
 * `pvc://notes/out` for `/volumes/notes/out`, the folder that only a pod knows; any other path
 * stays.
 */
export function outsideOfPod(path: string): string {
  const inside = below(podPath.volumes, path);
  return inside === '' ? path : `pvc://${inside}`;
}

/** Records and checkpoints of the run, where they lie on a volume. */
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

/** Undefined for what is a whole volume, or leads out of it. */
function location(claimName: string, path: string): VolumePath | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || parts.includes('..')) return undefined;
  return { claimName, path: parts.join('/') };
}
