// Where results are written on this machine before a possible upload. Each artefact is written
// under another name and renamed after its check, so readers never see half of one, and an older
// result stays until the new one is complete.
import { mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Destination } from '../../crds/api/source.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { liesInTheWay } from '../../crds/names/result-folders.ts';
import type { RunRecord } from '../../crds/wire/run-folder.ts';

/** The folder for results: that of a claim, a local path, or one in the run folder for uploads. */
export function destinationFolder(run: RunRecord, runFolder: string): string {
  const destination: Destination | undefined = run.spec.output.destination;
  if (destination?.local !== undefined) return resolve(run.folder, destination.local.path);
  if (destination?.persistentVolumeClaim !== undefined) {
    const { claimName, path } = destination.persistentVolumeClaim;
    return join(run.volumes[claimName] ?? join(run.cache, 'volumes', claimName), path);
  }
  return join(runFolder, 'artifacts');
}

/** Checks before training that results can be written, by writing and removing a probe. */
export async function requireWritable(folder: string): Promise<void> {
  const probe = join(folder, `.anneal-probe-${process.pid}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(probe, '');
  } catch (error) {
    throw notWritable(error, folder);
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}

/** Refuses a destination inside or in place of the model, after resolving links. */
export async function requireApart(destination: string, model: string): Promise<void> {
  const [to, from] = await Promise.all([realpath(destination), realpath(model)]);
  if (!liesInTheWay(to, from)) return;
  throw new UserError({
    code: 'E_PUBLISH_FAILED',
    path: 'spec.output.destination',
    value: destination,
    message: `results would be put into ${destination}, and the model is ${from}: they would mix with its files, or replace them`,
    hint: 'name a folder of its own, such as out',
  });
}

function notWritable(error: unknown, folder: string): unknown {
  const why = unwritable[(error as NodeJS.ErrnoException).code ?? ''];
  if (why === undefined) return error;
  return new UserError({
    code: 'E_PUBLISH_FAILED',
    path: 'spec.output.destination',
    value: folder,
    message: `results cannot be written to ${folder}: ${why}`,
    hint: 'let this user write there, or name another folder; pods are user and group 10001',
    cause: error,
  });
}

const unwritable: Readonly<Record<string, string>> = {
  EACCES: 'this user has no right to',
  EPERM: 'this user has no right to',
  EROFS: 'it is on a file system that can only be read',
  ENOTDIR: 'a part of its path is a file',
  EEXIST: 'a file has that name',
};

/**
 * Lets `write` fill a new folder, then replaces `folder` by it. After an error the new folder is
 * removed, unless `keeps` wants it for inspection; the next attempt removes it.
 */
export async function replaceFolder<T>(
  folder: string,
  write: (partial: string) => Promise<T>,
  keeps: (error: unknown) => boolean = () => false,
): Promise<T> {
  const partial = `${folder}.partial`;
  const previous = `${folder}.previous`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  await mkdir(partial);
  try {
    const result = await write(partial);
    await rm(previous, { recursive: true, force: true });
    await rename(folder, previous).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(partial, folder);
    await rm(previous, { recursive: true, force: true });
    return result;
  } catch (error) {
    if (!keeps(error)) await rm(partial, { recursive: true, force: true });
    throw error;
  }
}
