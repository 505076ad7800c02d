// `anneal init`: a job file from flags. The text is parsed before it is written: it never leaves a
// file that does not run.
import { writeFile } from 'node:fs/promises';
import { formatProblems, invariant, parseManifest, UserError } from '../../crds/index.ts';
import { manifestText, type Preference } from './manifest-text.ts';
import { placesHere } from './places-here.ts';
import type { Goal } from './questions.ts';
import { sourceOf } from './written-source.ts';

interface InitOptions {
  readonly goal: Goal;
  readonly model: string;
  readonly data: string;
  readonly gpuMemory: number | undefined;
  readonly prefer: Preference;
}

export function initText({ goal, model, data, gpuMemory, prefer }: InitOptions): string {
  const text = manifestText({
    goal,
    model: sourceOf(model, placesHere.exists),
    data: sourceOf(data, placesHere.exists),
    classes: placesHere.pictureFolders(data),
    gpuMemory,
    prefer,
  });
  const parsed = parseManifest(text, 'job');
  invariant(parsed.ok, parsed.ok ? '' : formatProblems(parsed.problems));
  return text;
}

export async function writeNew(file: string, text: string): Promise<void> {
  await writeFile(file, text, { flag: 'wx' }).catch((cause: NodeJS.ErrnoException) => {
    const exists = cause.code === 'EEXIST';
    throw new UserError({
      code: exists ? 'E_CONFLICT' : 'E_NOT_FOUND',
      path: file,
      message: exists ? `${file} exists already` : `${file} cannot be written (${cause.code})`,
      hint: 'name another file with --file, or print the job with -o yaml',
      cause,
    });
  });
}
