// Prints a note about the part of a job that this program could not read.
import type { Job } from './job.ts';

export function tellUnread(
  jobs: readonly Pick<Job, 'name' | 'unread'>[],
  talk: (text: string) => void,
): void {
  for (const { name, unread } of jobs) {
    if (unread !== undefined) talk(`note: of ${name}, ${unread.message}; the rest is shown\n`);
  }
}
