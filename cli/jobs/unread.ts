// What this program could not read of an object.
import type { Job } from './job.ts';

/** Then what the status does not have says nothing. */
export function isStatusUnread({ unread }: Pick<Job, 'unread'>): boolean {
  return unread?.paths.some((path) => path.startsWith('status')) === true;
}

/** Prints a note for each. */
export function tellUnread(
  jobs: readonly Pick<Job, 'name' | 'unread'>[],
  talk: (text: string) => void,
): void {
  for (const { name, unread } of jobs) {
    if (unread !== undefined) talk(`note: of ${name}, ${unread.message}; the rest is shown\n`);
  }
}
