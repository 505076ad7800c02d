// Which job a word names: its name, `namespace/name`, a unique prefix of a name, or `@latest`. What
// is beside jobs has no prefixes: a job that begins so is meant.
import { nearestName, UserError } from '../../crds/index.ts';
import { allBeside, type BesideJob, type BesideJobs } from './beside.ts';
import { type Job, keyOf, localNamespace } from './job.ts';

/** `in prod/team-a`, `on this machine`. */
export function at(location: string): string {
  return `${location.startsWith('this ') ? 'on' : 'in'} ${location}`;
}

/** The error sentence names `location` when there is no such job. */
export function findJob(jobs: readonly Job[], word: string, location: string): Job {
  const newest = jobs.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
  if (word === '@latest') {
    if (newest[0] !== undefined) return newest[0];
    throw notFound(
      `there is no job ${at(location)}`,
      'anneal submit FILE or anneal run FILE starts one',
    );
  }
  const exact = newest.find((job) => job.name === word || keyOf(job) === word);
  if (exact !== undefined) return exact;
  // A job of this machine without a number is its newest run.
  const run = newest.find(
    ({ namespace, name }) => namespace === localNamespace && name.startsWith(`${word}/`),
  );
  if (run !== undefined) return run;
  const beginning = newest.filter(({ name }) => name.startsWith(word));
  const [only, second] = beginning;
  if (only !== undefined && (second === undefined || sameRunName(beginning))) return only;
  if (only !== undefined) throw ambiguous(word, beginning);
  const near = nearestName(
    word,
    newest.map(({ name }) => name),
  );
  throw notFound(
    `there is no job ${JSON.stringify(word)} ${at(location)}`,
    near === undefined ? 'anneal list shows the jobs' : `did you mean ${near}?`,
  );
}

/** All that a word names: `answers`, `team-a/answers`, or `adapterserver/answers`. */
export function findBesideJobs(word: string, beside: BesideJobs): readonly BesideJob[] {
  return allBeside(beside).filter(({ kind, namespace, name }) =>
    [name, `${namespace}/${name}`, `${kind.toLowerCase()}/${name}`].includes(word),
  );
}

/** Whether these are runs of one job; then the newest is taken. */
function sameRunName(jobs: readonly Job[]): boolean {
  const names = new Set(jobs.map(({ name }) => name.split('/')[0]));
  return names.size === 1 && jobs.every(({ namespace }) => namespace === localNamespace);
}

function ambiguous(word: string, jobs: readonly Job[]): UserError {
  const names = jobs.slice(0, 8).map(({ name }) => name);
  const more = jobs.length > names.length ? ` and ${jobs.length - names.length} more` : '';
  return new UserError({
    code: 'E_USAGE',
    message: `${JSON.stringify(word)} is the beginning of ${jobs.length} jobs: ${names.join(', ')}${more}`,
    hint: 'write one more letter, or the whole name',
  });
}

function notFound(message: string, hint: string): UserError {
  return new UserError({ code: 'E_NOT_FOUND', message, hint });
}
