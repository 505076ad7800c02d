// Copies the event files of the run to its results: TensorBoard opens that folder, and the page of
// a hub repository shows the curves. Replaces the folder of an earlier run, whose curves would
// otherwise continue in ours.
import { cp, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import { replaceFolder } from '../remote/destination.ts';
import { below, type ResultFile, resultFiles } from './result-files.ts';

/** Returns the copied files, by paths in the destination; none where the job disables them. */
export async function publishBoard(
  run: RunRecord,
  runFolder: string,
  destination: string,
  signal: AbortSignal,
): Promise<readonly ResultFile[]> {
  if (run.spec.observability.tensorboard === 'Disabled') return [];
  const from = run.tensorboard ?? join(runFolder, runFiles.tensorboard);
  // TensorBoard was enabled after the last step: there is nothing to copy.
  if (!(await stat(from).catch(() => undefined))?.isDirectory()) return [];
  const to = join(destination, runFiles.tensorboard);
  await replaceFolder(to, (partial) => cp(from, partial, { recursive: true }));
  return below(runFiles.tensorboard, await resultFiles(to, signal));
}
