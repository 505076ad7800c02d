// Folders that a generator reads and writes, and the run folders of its tasks.
import { join, resolve } from 'node:path';
import type { Folder } from '../../crds/api/source.ts';
import { type GeneratorRun, generatorFiles, generatorRun } from '../../crds/wire/generator.ts';
import {
  type PreparedRecord,
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
} from '../../crds/wire/run-folder.ts';
import { type Feed, openFeed } from '../data/feed.ts';
import { fillSequence } from '../data/packed-sequences.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import { requireRecord } from '../run-folder.ts';

export function readGeneratorRun(root: string): Promise<GeneratorRun> {
  return requireRecord(root, generatorFiles.run, generatorRun);
}

export function placeOf(
  { local, persistentVolumeClaim: claim }: Folder,
  run: GeneratorRun,
): string {
  if (claim === undefined) return resolve(run.folder, local?.path ?? '.');
  const { claimName, path } = claim;
  return join(run.volumes[claimName] ?? join(run.cache, 'volumes', claimName), path);
}

/** Records that were prepared: of a task, or of an asked adapter with examples. */
export interface PreparedTask {
  readonly run: RunRecord;
  readonly prepared: PreparedRecord;
}

export async function preparedTask(folder: string): Promise<PreparedTask> {
  return {
    run: await requireRecord(folder, runFiles.run, runRecord),
    prepared: await requireRecord(folder, runFiles.prepared, preparedRecord),
  };
}

export function taskFolder(root: string, name: string): string {
  return join(root, generatorFiles.tasks, name);
}

export function examplesFolder(root: string, name: string): string {
  return join(root, generatorFiles.examples, name);
}

/** The caller disposes the feed. */
export function openTask({ run, prepared }: PreparedTask, stop: AbortSignal): Promise<Feed> {
  return openFeed(run.spec, prepared.data, stop);
}

/** Each record by itself; the first ones, up to `most`. */
export function* recordsOf({ training }: Feed, most?: number): Generator<HostSequence> {
  for (const [key, document] of training.members.slice(0, most).entries()) {
    yield fillSequence(training.documents, [document], key);
  }
}

/** Up to the last token before the answer; all of a record that begins with what is predicted. */
export function promptOf({ ids, labels }: HostSequence): Int32Array {
  const last = labels.findIndex((label) => label >= 0);
  return last <= 0 ? ids : ids.slice(0, last + 1);
}
