// `anneal import`: a job file from a configuration of another trainer, and what could not be taken
// over.
import { readText } from '../../client/read-job.ts';
import { importJob } from '../../import/import-job.ts';
import { writeNew } from '../../init/job-file.ts';
import type { Surroundings } from '../../process/context.ts';

export interface ImportFlags {
  /** Undefined: it is printed. */
  readonly file?: string;
}

export async function importFromTerminal(
  file: string,
  { file: written }: ImportFlags,
  { out, err }: Pick<Surroundings, 'out' | 'err'>,
): Promise<number> {
  const { from, text, unknown, notes } = importJob(await readText(file), file);
  if (written === undefined) out(text);
  else {
    await writeNew(written, text);
    err(`wrote ${written} from a file of ${from}\n`);
  }
  for (const note of notes) err(`note: ${note}\n`);
  for (const { key, near } of unknown) {
    err(`not taken over: ${key}${near === undefined ? '' : ` (is ${near} meant?)`}\n`);
  }
  if (written !== undefined) err(`next: anneal estimate ${written}\n`);
  return 0;
}
