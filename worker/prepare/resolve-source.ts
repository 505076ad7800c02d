// Resolves a source of a job file to files on this disk and one digest. Local files are used in
// place; remote ones are fetched into the cache, verified, and never fetched again for the same
// content.
import { join } from 'node:path';
import type { DataSource } from '../../crds/api/dataset.ts';
import type { Model } from '../../crds/api/model.ts';
import type { BucketPlace } from '../../crds/api/source.ts';
import { TerminalError } from '../../crds/failures/errors.ts';
import { digestOfFiles, type FileDigests } from '../remote/file-digests.ts';
import type { SourceEnvironment } from '../remote/source-environment.ts';
import type { SourceFile, SourceListing } from '../remote/source-files.ts';
import { fetchFiles } from './fetch.ts';
import { type LocatedSource, locate } from './locate.ts';
import { modelChoice, selectDataFiles, selectModelFiles } from './select-files.ts';

interface ResolvedFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly absolute: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface ResolvedSource {
  /** Folder that contains the files under their paths; it may contain other files. */
  readonly root: string;
  readonly files: readonly ResolvedFile[];
  /** Digest of all files, as in `spec.model.digest`. */
  readonly digest: `sha256:${string}`;
  /** For messages: "meta-llama/Llama-3.2-1B at 4e20de36", a path, a uri. */
  readonly origin: string;
  /** A folder that no file lies outside of, links followed, unless one was made to lead out. */
  readonly boundary: string;
  /** The commit or other version of the source; `local` for mutable files. */
  readonly version: string;
}

export async function resolveModel(
  model: Model,
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<ResolvedSource> {
  const facts = { type: 'model', field: 'spec.model.source' } as const;
  const located = await locate(model.source, facts, environment, signal);
  const chosen = selectModelFiles(located.listing, modelChoice(model));
  const resolved = await materialize(located, chosen, environment, signal);
  if (model.digest === undefined || model.digest === resolved.digest) return resolved;
  throw new TerminalError({
    code: 'E_DIGEST_MISMATCH',
    message: `${resolved.origin} has the digest ${resolved.digest}; spec.model.digest is ${model.digest}`,
    hint: 'the model has changed, or another one was meant; a pinned commit does not change',
  });
}

/** These files of an adapter in a bucket; `name` is that of the adapter. */
export async function resolveAdapter(
  { name, s3 }: { readonly name: string; readonly s3: BucketPlace },
  files: readonly string[],
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<ResolvedSource> {
  const facts = { type: 'model', field: `spec.adapters[${name}]` } as const;
  const located = await locate({ s3 }, facts, environment, signal);
  const chosen = files.map((path) => {
    const file = located.listing.files.find((one) => one.path === path);
    if (file !== undefined) return file;
    throw new TerminalError({
      code: 'E_SOURCE_NOT_FOUND',
      message: `${located.listing.origin} does not have ${path}; an adapter has ${files.join(' and ')}`,
    });
  });
  return materialize(located, chosen, environment, signal);
}

/** A single GGUF file is the model; otherwise the folder is. */
export function modelPath({ root, files }: ResolvedSource): string {
  const [only, ...others] = files.filter(({ path }) => path.endsWith('.gguf'));
  return only !== undefined && others.length === 0 ? only.absolute : root;
}

/** `field` is spec.dataset.train or spec.dataset.eval. */
export type ResolveData = (
  source: DataSource,
  field: string,
  environment: SourceEnvironment,
  signal: AbortSignal,
) => Promise<ResolvedSource>;

/** Of a source whose files are known by their names. */
export function resolverBy(
  choose: (listing: SourceListing, source: DataSource, field: string) => readonly SourceFile[],
): ResolveData {
  return async (source, field, environment, signal) => {
    const located = await locate(source, { type: 'dataset', field }, environment, signal);
    const chosen = choose(located.listing, source, field);
    return materialize(located, chosen, environment, signal);
  };
}

export const resolveData = resolverBy(selectDataFiles);

export async function materialize(
  { listing, files }: LocatedSource,
  chosen: readonly SourceFile[],
  environment: SourceEnvironment,
  signal: AbortSignal,
): Promise<ResolvedSource> {
  const sorted = chosen.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const root =
    files.type === 'Local'
      ? files.root
      : await fetchFiles(
          sorted,
          { store: files.store, version: listing.version },
          environment,
          signal,
        );
  const resolved: ResolvedFile[] = [];
  for (const file of sorted) resolved.push(await resolve(file, root, environment.digests, signal));
  return {
    root,
    files: resolved,
    digest: digestOfFiles(resolved),
    origin: listing.origin,
    boundary: files.type === 'Local' ? files.root : files.store,
    version: listing.version,
  };
}

async function resolve(
  file: SourceFile,
  root: string,
  digests: FileDigests,
  signal: AbortSignal,
): Promise<ResolvedFile> {
  const absolute = join(root, file.path);
  const { path, bytes } = file;
  return { path, absolute, bytes, sha256: await digests.of(absolute, signal) };
}
