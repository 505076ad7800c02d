// `anneal submit`: prints the plan of the job and the answer of the cluster, then watches the job
// if asked to.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { failureOf, UserError } from '../../../crds/index.ts';
import { describeModelOf } from '../../client/describe-model.ts';
import { listAll } from '../../client/kube-watch.ts';
import { readText } from '../../client/read-job.ts';
import { type Preflight, type Preflighted, preflight } from '../../estimate/preflight.ts';
import { gpusOf } from '../../init/devices.ts';
import { clusterAccess } from '../../jobs/cluster-access.ts';
import { type ClusterSource, openCluster } from '../../jobs/cluster-source.ts';
import type { Job } from '../../jobs/job.ts';
import type { Viewing } from '../../process/context.ts';
import { asksYes } from '../../terminal/ask.ts';
import { bytes } from '../../terminal/numbers.ts';
import {
  readJobs,
  type SubmitOptions,
  type Submitted,
  submitJob,
  tryJob,
  type WrittenJob,
} from './send.ts';
import { plansOf, tell } from './text.ts';

export interface SubmitFlags extends SubmitOptions {
  readonly watch: boolean | undefined;
  readonly wait: boolean;
  /** Print the log of its workers until it ends. */
  readonly logs: boolean;
  /** Submit even if it would not fit. */
  readonly force: boolean;
  /** Show the plan and ask. */
  readonly confirm: boolean;
  /** False: no animation while it is watched. */
  readonly motion: boolean;
  readonly output: 'text' | 'json' | 'name';
}

/** Exit codes are those of `watch` where the job is watched or waited for. */
export async function submitFromTerminal(
  files: readonly string[],
  flags: SubmitFlags,
  viewing: Viewing,
): Promise<number> {
  const { output, config, signal } = viewing;
  // All files are read before anything is submitted: a mistake in the second must not leave the
  // first submitted.
  const jobs: WrittenJob[] = [];
  for (const file of files) {
    const text = file === '-' ? await readAll(process.stdin) : await readText(file);
    jobs.push(...readJobs(text, file === '-' ? 'stdin' : file, flags));
  }
  if (jobs.length === 0) throw new UserError({ code: 'E_USAGE', message: 'no job is given' });
  if (flags.dryRun === 'client') {
    const home = await homeOf(viewing);
    const preflighted = await preflightJobs(jobs, undefined, flags, viewing);
    tell(
      jobs.map((job) => tryJob(job, home)),
      preflighted,
      flags,
      viewing,
    );
    return 0;
  }
  await using source = await openCluster(viewing.flags, config);
  const preflighted = await preflightJobs(jobs, source, flags, viewing);
  if (flags.dryRun === 'none' && (jobs.length > 1 || flags.confirm)) {
    const tried: Submitted[] = [];
    for (const job of jobs) {
      tried.push(await submitJob(source, job, { ...flags, dryRun: 'server' }, signal));
    }
    if (flags.confirm && !(await confirmed(tried, preflighted, viewing))) {
      output.talk('nothing was submitted\n');
      return failureOf('E_INTERRUPTED').cliExit;
    }
  }
  const submitted: Submitted[] = [];
  for (const job of jobs) submitted.push(await submitJob(source, job, flags, signal));
  tell(submitted, preflighted, flags, viewing);
  const [only, second] = submitted;
  if (only === undefined || flags.dryRun !== 'none' || second !== undefined) return 0;
  return follow(only.job, flags, viewing);
}

/** The target namespace; needs no cluster. */
async function homeOf({ flags, config }: Viewing): Promise<string> {
  const said = flags.namespace ?? config.namespace;
  if (said !== undefined) return said;
  try {
    return (await clusterAccess(flags, config)).home;
  } catch (error) {
    const isNamed = [flags.context, flags.kubeconfig, config.context].some(
      (one) => one !== undefined,
    );
    if (isNamed) throw error;
    return 'default';
  }
}

/** Plans each job; one that would not fit is not submitted. */
async function preflightJobs(
  jobs: readonly WrittenJob[],
  source: ClusterSource | undefined,
  { force }: SubmitFlags,
  { config, signal }: Viewing,
): Promise<readonly Preflighted[]> {
  const { cache, offline, command } = config;
  const location = { folder: process.cwd(), cache };
  const knowledge: Preflight = {
    describe: (spec, until) => describeModelOf(spec, location, until),
    offline,
    hasVolume: (claim: string) => existsSync(join(cache, 'volumes', claim)),
    // A client dry run makes no requests.
    gpus: async (resourceName) =>
      source === undefined ? [] : await clusterGpus(source, resourceName, signal),
  };
  const all: Preflighted[] = [];
  for (const { parsed } of jobs) all.push(await preflight(parsed.job.spec, knowledge, signal));
  const misfits = jobs.flatMap(({ parsed }, index) => {
    const { [index]: found } = all;
    if (found?.type !== 'Known' || found.fits) return [];
    const { metadata, spec } = parsed.job;
    const each = spec.worker.devicesPerWorker === 0 ? 'a worker' : 'a GPU';
    const name = metadata.name ?? metadata.generateName ?? 'the job';
    return [`${name} needs ${bytes(found.peak)} of memory; ${each} has ${bytes(found.limit ?? 0)}`];
  });
  if (misfits.length === 0 || force) return all;
  throw new UserError({
    code: 'E_DOES_NOT_FIT',
    message: misfits.join('\n'),
    hint: `${command} estimate FILE suggests a change; --force submits it anyway`,
  });
}

async function clusterGpus(
  { kube, location }: ClusterSource,
  resourceName: string,
  signal: AbortSignal,
) {
  try {
    const { objects } = await listAll(kube, { path: '/api/v1/nodes' }, signal);
    return gpusOf(objects, location, resourceName);
  } catch {
    signal.throwIfAborted();
    return []; // without permission to list nodes; the operator checks later
  }
}

async function confirmed(
  tried: readonly Submitted[],
  preflighted: readonly Preflighted[],
  { output, signal }: Viewing,
): Promise<boolean> {
  output.write(plansOf(tried, preflighted, output).join(''));
  const [first] = tried;
  const what = tried.length === 1 ? `${first?.job.name || 'it'}` : `${tried.length} jobs`;
  return asksYes(`Submit ${what} to ${first?.job.namespace}?`, '--confirm', output, signal);
}

async function follow(job: Job, flags: SubmitFlags, viewing: Viewing): Promise<number> {
  const { output } = viewing;
  const isWatched = flags.watch ?? (output.isTerminal && flags.output === 'text');
  if (!isWatched && !flags.wait && !flags.logs) return 0;
  const { watchFromTerminal } = await import('../watch/run.ts');
  const from = { ...viewing, flags: { ...viewing.flags, namespace: job.namespace } };
  const watch = { exitStatus: true, until: undefined, motion: flags.motion };
  if (flags.logs) {
    return besideLogs(job, from, (last) =>
      watchFromTerminal(job.name, { ...watch, display: 'quiet' }, last),
    );
  }
  const display = flags.wait && !isWatched ? 'quiet' : undefined;
  return watchFromTerminal(job.name, { ...watch, display }, from);
}

/** The last lines of an ended job may still arrive. */
const lateMs = 1_000;

/** Prints the log until the job ends, then its outcome. */
async function besideLogs(
  { name }: Job,
  viewing: Viewing,
  watch: (viewing: Viewing) => Promise<number>,
): Promise<number> {
  const { output, signal } = viewing;
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  const { logsFromTerminal } = await import('../logs/run.ts');
  const asked = { follow: true, level: 'info', output: 'text' } as const;
  const lines = logsFromTerminal(name, asked, { ...viewing, signal: both });
  const broken = new Promise<never>((_, reject) => lines.catch(reject));
  const held: (() => void)[] = [];
  const last: Viewing['output'] = {
    ...output,
    write: (text) => void held.push(() => output.write(text)),
    talk: (text) => void held.push(() => output.talk(text)),
  };
  try {
    return await Promise.race([watch({ ...viewing, output: last }), broken]);
  } finally {
    await wait(lateMs, undefined, { signal }).catch(() => undefined); // interrupted
    ended.abort();
    await lines.catch(() => undefined); // reported above
    for (const say of held) say();
  }
}
