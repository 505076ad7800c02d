// Where a round trains: a folder of its own below the folder of the run, so that nothing a lost pod
// still writes can be read by the one that took its place. A new one begins with the committed
// checkpoints of an earlier one, as further names of the same files; what was never committed is
// left behind, unless it is all there is.
//
//   run.json prepared.json   of the whole run
//   initial/                 what an adapter began with, for all rounds
//   committed.json           what the bus says of the last checkpoint, should it forget
//   trained.json             a copy, when the result is committed
//   round-<n>/                 run.json, prepared.json, telemetry.jsonl, trained.json of that round
//   round-<n>/checkpoints/     step-<n>, or a link to the destination that the job names
import { copyFile, link, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { TerminalError } from '../../crds/failures/errors.ts';
import {
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
  type TrainedRecord,
  trainedRecord,
} from '../../crds/wire/run-folder.ts';
import type { CheckpointHead } from '../../crds/wire/state.ts';
import { listCheckpoints } from '../checkpoint/folder.ts';
import { isErrno } from '../files/errno.ts';
import { readRecord, requireRecord, writeRecord } from '../run-folder.ts';

export interface RunFolders {
  /** Folder of the run. */
  readonly folder: string;
  /** Folder for checkpoints elsewhere, where the job names one. */
  readonly checkpoints: string | undefined;
}

export function runFolders(
  runFolder: string,
  { checkpoint }: FineTuneJobSpec,
  volumes: Readonly<Record<string, string>>,
): RunFolders {
  const claim = checkpoint.destination?.persistentVolumeClaim;
  const volume = claim === undefined ? undefined : volumes[claim.claimName];
  // The name of the run keeps jobs apart that name the same place.
  const elsewhere =
    claim === undefined || volume === undefined
      ? undefined
      : join(volume, claim.path, basename(runFolder));
  return { folder: runFolder, checkpoints: elsewhere };
}

const nameOf = (round: number) => `round-${round}`;

/** Number of the round whose folder has this name; undefined for another name. */
export function roundIn(name: string): number | undefined {
  const number = /^round-(\d+)$/.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
}

export function roundFolder({ folder }: RunFolders, round: number): string {
  return join(folder, nameOf(round));
}

/**
 * The folder, ready for a trainer that goes on from `head`, or begins.
 * @throws TerminalError E_CHECKPOINT_CORRUPTED where there is a head, and no checkpoint of its
 * round: nobody begins anew unasked.
 */
export async function openRound(
  folders: RunFolders,
  round: number,
  head: Pick<CheckpointHead, 'step' | 'round'> | undefined,
  run: RunRecord,
): Promise<string> {
  const folder = roundFolder(folders, round);
  await mkdir(folder, { recursive: true });
  const checkpoints = await checkpointsIn(folders, round);
  if (head !== undefined && head.round !== round) {
    await linkCheckpoints(await checkpointsIn(folders, head.round), checkpoints, head.step);
  }
  if (head !== undefined && (await listCheckpoints(checkpoints)).length === 0) {
    const message = `the checkpoint of step ${head.step} counts and is not in ${checkpoints}, nor is any other of round ${head.round}`;
    throw new TerminalError({ code: 'E_CHECKPOINT_CORRUPTED', message });
  }
  await removeOthers(folders, round, head?.round);
  const prepared = await requireRecord(folders.folder, runFiles.prepared, preparedRecord);
  await writeRecord(folder, runFiles.prepared, preparedRecord, prepared);
  await writeRecord(folder, runFiles.run, runRecord, run);
  return folder;
}

async function checkpointsIn(folders: RunFolders, round: number): Promise<string> {
  const inRun = join(roundFolder(folders, round), runFiles.checkpoints);
  if (folders.checkpoints === undefined) return inRun;
  const elsewhere = join(folders.checkpoints, nameOf(round));
  await mkdir(elsewhere, { recursive: true });
  await mkdir(roundFolder(folders, round), { recursive: true });
  await symlink(elsewhere, inRun).catch(ignoring('EEXIST'));
  return inRun;
}

/**
 * Those up to the committed one; without it, later ones too. Workers that did not hear of a new
 * record may have made room for those, and steps that are done again come to the same.
 */
async function linkCheckpoints(from: string, to: string, committed: number): Promise<void> {
  await mkdir(to, { recursive: true });
  const stored = await listCheckpoints(from);
  const isThere = stored.some(({ step }) => step === committed);
  for (const { step, folder } of stored) {
    if (isThere && step > committed) continue;
    await linkCheckpoint(folder, join(to, basename(folder)));
  }
}

async function linkCheckpoint(folder: string, target: string): Promise<void> {
  const partial = `${target}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial);
  for (const name of await readdir(folder)) {
    await linkOrCopy(join(folder, name), join(partial, name));
  }
  // There already: this round was begun before and did not get far.
  await rename(partial, target).catch(ignoring('ENOTEMPTY', 'EEXIST'));
  await rm(partial, { recursive: true, force: true });
}

/**
 * Checkpoints are never changed, so a second name is as good as a copy; some file systems have no
 * second names.
 */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!isErrno(error, 'EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS')) throw error;
    await copyFile(from, to);
  }
}

/**
 * Older rounds but the one whose checkpoints are committed: until this one commits, they are all
 * there is.
 */
async function removeOthers(
  folders: RunFolders,
  round: number,
  committed: number | undefined,
): Promise<void> {
  const roots = [
    folders.folder,
    ...(folders.checkpoints === undefined ? [] : [folders.checkpoints]),
  ];
  for (const root of roots) {
    for (const name of await readdir(root)) {
      const number = roundIn(name) ?? round;
      if (number >= round || number === committed) continue;
      await rm(join(root, name), { recursive: true, force: true });
    }
  }
}

/** What the trainer of a round left when it ended well. */
export function trainedIn(folders: RunFolders, round: number): Promise<TrainedRecord | null> {
  return readRecord(roundFolder(folders, round), runFiles.trained, trainedRecord);
}

/** Makes the result of this round the result of the run. Done again, it changes nothing. */
export async function settleTrained(folders: RunFolders, round: number): Promise<void> {
  const trained = await trainedIn(folders, round);
  if (trained === null) return;
  await writeRecord(folders.folder, runFiles.trained, trainedRecord, trained);
  await removeOthers(folders, round, undefined);
}

function ignoring(...codes: string[]): (error: unknown) => void {
  return (error) => {
    if (!isErrno(error, ...codes)) throw error;
  };
}
