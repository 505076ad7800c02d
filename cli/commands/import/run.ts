// `anneal import`: a job file from the configuration of another trainer, and a list of the settings
// without an equivalent.
import { readText } from '../../client/read-job.ts';
import { importJob } from '../../import/import-job.ts';
import { writeNew } from '../../init/job-file.ts';
import type { Surroundings } from '../../process/context.ts';

export interface ImportFlags {
  /** Undefined: print the job file. */
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
    err(`not converted: ${key}${near === undefined ? '' : ` (did you mean ${near}?)`}\n`);
  }
  if (written !== undefined) err(`next: anneal estimate ${written}\n`);
  return 0;
}
