import { UserError } from '../../crds/index.ts';
import type { Viewing } from '../process/context.ts';
import { at, findBesideJobs, findJob } from './find.ts';
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
    const job = await jobNamed(name, source, signal);
    tellUnread([job], output.talk);
    return await use(job, source);
  });
}

async function jobNamed(name: string, source: JobSource, signal: AbortSignal): Promise<Job> {
  const jobs = await source.list(signal);
  try {
    return findJob(jobs, name, source.location);
  } catch (error) {
    throw (await besideNamed(error, name, source, signal)) ?? error;
  }
}

/** Where no job has the name, it may be of what stands below the jobs in `anneal list`. */
async function besideNamed(
  error: unknown,
  name: string,
  source: JobSource,
  signal: AbortSignal,
): Promise<UserError | undefined> {
  if (!(error instanceof UserError) || error.code !== 'E_NOT_FOUND') return undefined;
  const [other] = findBesideJobs(name, await source.besideJobs(signal));
  if (other === undefined) return undefined;
  const { kind } = other;
  const article = kind === 'AdapterServer' ? 'an' : 'a';
  return new UserError({
    code: 'E_NOT_FOUND',
    message: `${name} is no job ${at(source.location)}; there is ${article} ${kind} of that name`,
    hint: `anneal watch ${name} shows it, and anneal why ${name} says how it is; kubectl describe ${kind.toLowerCase()} ${other.name} has all of it`,
    cause: error,
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
