// From a source in a job file to the listing of its files: the one switch over the union of
// crds/api/source.ts.
import { isAbsolute, join } from 'node:path';
import type { Source } from '../../crds/api/source.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { listBucket } from '../remote/bucket.ts';
import type { Bucket } from '../remote/bucket-client.ts';
import { bucketCredentials, hubToken } from '../remote/credentials.ts';
import { type HubRepository, listEntries, listHub, resolveCommit } from '../remote/hub.ts';
import {
  recallCommit,
  recallEntries,
  rememberCommit,
  rememberEntries,
} from '../remote/hub-memory.ts';
import type { SourceEnvironment } from '../remote/source-environment.ts';
import type { SourceListing } from '../remote/source-files.ts';
import { listLocal } from './local.ts';

export interface LocatedSource {
  readonly listing: SourceListing;
  /** Files are in a local folder, or must be fetched into the store. */
  readonly files:
    | { readonly type: 'Local'; readonly root: string }
    | { readonly type: 'Remote'; readonly store: string };
}

interface SourceFacts {
  readonly type: 'model' | 'dataset';
  /** `spec.model.source`, for errors. */
  readonly field: string;
}

export async function locate(
  source: Source,
  facts: SourceFacts,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<LocatedSource> {
  const { huggingFace, s3, persistentVolumeClaim: claim, local, image } = source;
  const { field } = facts;
  if (huggingFace) return locateHub(huggingFace, facts, environment, signal);
  if (s3) return locateBucket(s3, field, environment, signal);
  if (claim) {
    const volume =
      environment.volumes.get(claim.claimName) ??
      join(environment.cache, 'volumes', claim.claimName);
    return localSource(
      join(volume, claim.path),
      `${field}.persistentVolumeClaim`,
      claimHint(claim.claimName),
    );
  }
  if (local) {
    const { path } = local;
    return localSource(
      isAbsolute(path) ? path : join(environment.jobFolder, path),
      `${field}.local.path`,
    );
  }
  const mounted = environment.images.get(mountName(field));
  if (image && mounted !== undefined)
    return localSource(join(mounted, image.path), `${field}.image.path`);
  throw new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${field} is an image, which only a cluster can mount`,
    hint: 'use a local path or a repository for a run on this machine',
    path: `${field}.image`,
  });
}

/** `spec.model.source` becomes model, `spec.dataset.train` becomes train. */
function mountName(field: string): string {
  return field.replace(/\.source$/, '').replace(/^.*\./, '');
}

/** Without a cluster the user provides claims; set-up creates only the one of the examples. */
function claimHint(claim: string): string {
  const own = `--volume ${claim}=FOLDER names the folder that stands for the claim`;
  return claim === 'demo' ? `npm start fills the claim demo; ${own}` : own;
}

async function localSource(path: string, field: string, hint?: string): Promise<LocatedSource> {
  const listing = await listLocal(path, field, hint);
  return { listing, files: { type: 'Local', root: listing.root } };
}

async function locateHub(
  source: NonNullable<Source['huggingFace']>,
  { type, field }: SourceFacts,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<LocatedSource> {
  const token = hubToken(source.tokenSecretRef, `${field}.huggingFace.tokenSecretRef`, environment);
  const repository: HubRepository = {
    endpoint: environment.hubEndpoint,
    type,
    repository: source.repository,
    revision: source.revision,
    token: token?.value,
    tokenName: token?.name,
    field: `${field}.huggingFace`,
  };
  const { network, offline } = environment;
  const name = `${type}s--${source.repository.replaceAll('/', '--')}`;
  const store = join(environment.cache, 'hub', encodeURIComponent(hostOf(repository)), name);
  const commit = await commitOf(repository, store, environment, signal);
  let entries = await recallEntries(store, commit);
  if (!entries) {
    if (offline) throw notHere(repository);
    entries = await listEntries(repository, commit, network, signal);
    await rememberEntries(store, commit, entries);
  }
  const listing = listHub(repository, commit, entries, network);
  return { listing, files: { type: 'Remote', store } };
}

async function commitOf(
  repository: HubRepository,
  store: string,
  { network, offline }: SourceEnvironment,
  signal: AbortSignal,
): Promise<string> {
  const { revision } = repository;
  if (/^[0-9a-f]{40}$/.test(revision)) return revision;
  if (offline) {
    const known = await recallCommit(store, revision);
    if (known === undefined) throw notHere(repository);
    return known;
  }
  const commit = await resolveCommit(repository, network, signal);
  await rememberCommit(store, revision, commit);
  return commit;
}

async function locateBucket(
  source: NonNullable<Source['s3']>,
  field: string,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<LocatedSource> {
  const credentials = bucketCredentials(source.credentialsSecretRef, `${field}.s3`, environment);
  const bucket: Bucket = {
    uri: source.uri,
    endpoint: source.endpoint,
    region: source.region ?? environment.region,
    credentials: credentials?.value,
    credentialsName: credentials?.name,
    field: `${field}.s3`,
  };
  const listing = await listBucket(bucket, environment.network, signal);
  return { listing, files: { type: 'Remote', store: join(environment.cache, 's3') } };
}

function notHere({ repository, revision, field }: HubRepository): UserError {
  return new UserError({
    code: 'E_SOURCE_NOT_FOUND',
    message: `${repository} at ${revision} is not in the cache, and this run is offline`,
    hint: 'run once with ANNEAL_OFFLINE and HF_HUB_OFFLINE unset',
    path: field,
  });
}

function hostOf({ endpoint }: HubRepository): string {
  return new URL(endpoint).host;
}
