import type { Viewing } from '../process/context.ts';
import { findJob } from './find.ts';
import type { Job } from './job.ts';
import { openSource } from './open-source.ts';
import type { JobSource } from './source.ts';
import { tellUnread } from './unread.ts';

/** Opens the source and finds the job that a word names. */
export async function withJob<T>(
  word: string,
  viewing: Viewing,
  use: (job: Job, source: JobSource) => Promise<T>,
): Promise<T> {
  const { output, signal } = viewing;
  return withSource(word, viewing, async (name, source) => {
    const job = findJob(await source.list(signal), name, source.location);
    tellUnread([job], output.talk);
    return await use(job, source);
  });
}

/** Opens the source that a word is of, and says what the word names there. */
export async function withSource<T>(
  word: string,
  { flags, config }: Viewing,
  use: (name: string, source: JobSource) => Promise<T>,
): Promise<T> {
  const local = word.startsWith('local/');
  const asked = local ? { ...flags, local: true } : flags;
  await using source = await openSource(asked, config);
  return await use(local ? word.slice('local/'.length) : word, source);
}
