// The event files of the run, copied to the place of its results: TensorBoard opens the folder
// there, and the page of a repository on the hub shows the curves. The folder of an earlier run is
// replaced as a whole, or its curves would go on in ours.
import { cp, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type RunRecord, runFiles } from '../../crds/wire/run-folder.ts';
import { replaceFolder } from '../remote/destination.ts';
import { below, type ResultFile, resultFiles } from './result-files.ts';

/**
 * Returns what was put in place, by paths below the destination; nothing where the job asks for
 * none.
 */
export async function publishBoard(
  run: RunRecord,
  runFolder: string,
  destination: string,
  signal: AbortSignal,
): Promise<readonly ResultFile[]> {
  if (run.spec.observability.tensorboard === 'Disabled') return [];
  const from = run.tensorboard ?? join(runFolder, runFiles.tensorboard);
  // Switched on after the last step: there is nothing to show.
  if (!(await stat(from).catch(() => undefined))?.isDirectory()) return [];
  const to = join(destination, runFiles.tensorboard);
  await replaceFolder(to, (partial) => cp(from, partial, { recursive: true }));
  return below(runFiles.tensorboard, await resultFiles(to, signal));
}
