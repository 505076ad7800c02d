// Commands that change a job: pause, resume, checkpoint, scale, cancel, delete. Each changes only
// the object, as kubectl could, reports the change, and waits until the operator has acted, except
// with --no-wait.
import { setTimeout as wait } from 'node:timers/promises';
import {
  annotation,
  isTerminal,
  TerminalError,
  TransientError,
  UserError,
} from '../../../crds/index.ts';
import { KubeError } from '../../client/kube-error.ts';
import { type ClusterSource, jobPath } from '../../jobs/cluster-source.ts';
import { type Job, phaseOf } from '../../jobs/job.ts';
import { readJobObject } from '../../jobs/read-job-object.ts';
import type { JobSource } from '../../jobs/source.ts';
import { seconds } from '../../terminal/numbers.ts';

export interface Acting {
  readonly source: ClusterSource;
  readonly job: Job;
  /** Undefined: do not wait. */
  readonly timeoutMs: number | undefined;
  readonly talk: (text: string) => void;
  readonly signal: AbortSignal;
}

const manager = 'anneal-cli';
const pollMs = 500;

export function requireCluster(source: JobSource, what: string): ClusterSource {
  if (source.type === 'cluster') return source as ClusterSource;
  throw new UserError({
    code: 'E_USAGE',
    message: `${what} is for jobs of a cluster; a run of this machine is stopped in its own terminal`,
    hint: 'Ctrl-C there saves and stops; the same command resumes it',
  });
}

/** Returns one sentence about the change. */
export async function pause(acting: Acting): Promise<string> {
  const { job } = acting;
  requireAlive(job, 'paused');
  if (job.spec.suspend) return `${job.name} is paused already (${phaseOf(job)})`;
  await patchSpec(acting, { suspend: true });
  const paused = await until(acting, 'it is paused', (now) => phaseOf(now) === 'Suspended');
  const step = paused?.status.checkpoint?.latestStep;
  if (paused === undefined) return `${job.name} will be paused; its workers save first`;
  return `${job.name} is paused${step === undefined ? '' : `; step ${step} is saved`}`;
}

export async function resume(acting: Acting): Promise<string> {
  const { job } = acting;
  requireAlive(job, 'resumed');
  if (!job.spec.suspend) return `${job.name} is not paused (${phaseOf(job)})`;
  await patchSpec(acting, { suspend: false });
  const going = await until(acting, 'it resumes', (now) => !/^Suspend/.test(phaseOf(now)));
  const step = job.status.checkpoint?.latestStep;
  const from = step === undefined ? '' : ` from step ${step}`;
  return `${job.name} resumes${from}${going === undefined ? '' : ` (${phaseOf(going)})`}`;
}

/**
 * Requests a checkpoint during training. The time identifies the request, so that two requests save
 * twice.
 */
export async function checkpoint(acting: Acting, now: Date): Promise<string> {
  const { job } = acting;
  requireAlive(job, 'saved');
  if (job.spec.suspend) {
    const step = job.status.checkpoint?.latestStep;
    const saved = step === undefined ? '' : `; step ${step} is saved`;
    return `${job.name} is paused and does not train${saved}`;
  }
  const wish = now.toISOString();
  await patch(acting, { metadata: { annotations: { [annotation.save]: wish } } });
  const saved = await until(acting, 'it is saved', ({ status }) => {
    if (status.save?.asked === wish && status.save.count === undefined) throw noBus(job);
    return status.save?.done === wish;
  });
  if (saved === undefined) return `${job.name} will be saved; training continues`;
  return `${job.name} is saved at step ${saved.status.save?.step}; training continues`;
}

function noBus(job: Job): TerminalError {
  return new TerminalError({
    code: 'E_BUS_UNAVAILABLE',
    message: `${job.name} cannot be saved now: its operator has no bus to reach the workers`,
    hint: `anneal pause ${job.name} saves and stops it`,
  });
}

export async function scale(acting: Acting, workers: number): Promise<string> {
  const { job, source, signal } = acting;
  requireAlive(job, 'scaled');
  const before = job.spec.worker.replicas;
  if (before === workers) return `${job.name} has ${workers} workers already`;
  await source.kube.send(
    {
      verb: 'PATCH',
      path: `${jobPath(job.namespace, job.name)}/scale`,
      query: { fieldManager: manager },
      body: { spec: { replicas: workers } },
      contentType: 'application/merge-patch+json',
    },
    signal,
  );
  return `${job.name} is scaled from ${before} to ${workers} workers`;
}

interface CancelOptions {
  /** End at once, without a save. */
  readonly now: boolean;
}

export async function cancel(acting: Acting, { now }: CancelOptions): Promise<string> {
  const { job } = acting;
  if (isTerminal(phaseOf(job))) {
    return `${job.name} has ended already (${phaseOf(job)}); anneal delete ${job.name} removes it`;
  }
  const isSet = await setDeletionPolicy(acting, now ? 'Now' : 'Save');
  const gone = await remove(acting);
  const saved = now || !isSet ? '' : ' after a save';
  return gone
    ? `${job.name} was cancelled${saved}; checkpoints and results stay`
    : `${job.name} will be cancelled${saved}; checkpoints and results stay`;
}

/**
 * The server may refuse every change of an object that breaks a rule; such an object is deleted
 * without it. Returns false if the change was refused.
 */
async function setDeletionPolicy(acting: Acting, deletionPolicy: 'Now' | 'Save'): Promise<boolean> {
  const { job, talk } = acting;
  if (job.unread === undefined && job.spec.deletionPolicy === deletionPolicy) return true;
  try {
    await patchSpec(acting, { deletionPolicy });
    return true;
  } catch (error) {
    const isRefused = error instanceof KubeError && error.status === 422;
    if (!isRefused || job.unread === undefined) throw error;
    talk(
      `${job.name} is deleted without the change, which the cluster refuses: ${error.message}\n`,
    );
    return false;
  }
}

/** Deletes an ended job; an active one must be cancelled, not deleted by mistake. */
export async function deleteRecord(acting: Acting): Promise<string> {
  const { job } = acting;
  if (!isTerminal(phaseOf(job))) {
    throw new UserError({
      code: 'E_USAGE',
      message: `${job.name} has not ended (${phaseOf(job)}); only an ended job can be deleted`,
      hint: `anneal cancel ${job.name} saves, stops and removes it`,
    });
  }
  await remove(acting);
  return `${job.name} is deleted; checkpoints and results stay`;
}

/** Returns whether it is gone by now. */
async function remove(acting: Acting): Promise<boolean> {
  const { job, source, signal, timeoutMs } = acting;
  const path = jobPath(job.namespace, job.name);
  const body = {
    ...{ apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' },
    preconditions: { uid: job.uid },
  };
  await source.kube.send({ verb: 'DELETE', path, body }, signal);
  if (timeoutMs === undefined) return false;
  await until(acting, 'it is gone', () => false);
  return true;
}

function requireAlive(job: Job, what: string): void {
  if (!isTerminal(phaseOf(job)) && !job.deleting) return;
  const why = job.deleting ? 'it is being deleted' : `it has ended (${phaseOf(job)})`;
  throw new UserError({ code: 'E_USAGE', message: `${job.name} cannot be ${what}: ${why}` });
}

async function patchSpec(acting: Acting, spec: object): Promise<void> {
  await patch(acting, { spec });
}

async function patch(
  { source, job, signal }: Acting,
  { metadata, spec }: { readonly metadata?: object; readonly spec?: object },
): Promise<void> {
  await source.kube.send(
    {
      verb: 'PATCH',
      path: jobPath(job.namespace, job.name),
      query: { fieldManager: manager, fieldValidation: 'Strict' },
      // With the UID, the change cannot affect a later job of the same name.
      body: { metadata: { uid: job.uid, ...metadata }, ...(spec === undefined ? {} : { spec }) },
      contentType: 'application/merge-patch+json',
    },
    signal,
  );
}

/** The job when the condition holds; undefined with --no-wait or when the job is gone. */
async function until(
  { source, job, timeoutMs, talk, signal }: Acting,
  what: string,
  holds: (now: Job) => boolean,
): Promise<Job | undefined> {
  if (timeoutMs === undefined) return undefined;
  const limit = AbortSignal.timeout(timeoutMs);
  const both = AbortSignal.any([signal, limit]);
  let last = '';
  for (;;) {
    const now = await find(source, job, signal);
    if (now === undefined || now.uid !== job.uid) {
      if (what === 'it is gone') return undefined;
      throw new TerminalError({
        code: 'E_JOB_CANCELLED',
        message: `${job.name} was deleted meanwhile`,
      });
    }
    if (holds(now)) return now;
    const words = now.deleting ? 'stopping' : phaseOf(now);
    if (words !== last) talk(`${job.name} ${words}\n`);
    last = words;
    await wait(pollMs, undefined, { signal: both }).catch(() => undefined); // checked below
    signal.throwIfAborted();
    if (limit.aborted) {
      throw new TransientError({
        code: 'E_TIMEOUT',
        message: `${job.name} is ${phaseOf(now)} after ${seconds(timeoutMs / 1000)}; the command waited until ${what}`,
        hint: `the operator continues; anneal why ${job.name} shows what it waits for`,
      });
    }
  }
}

async function find(
  source: ClusterSource,
  job: Job,
  signal: AbortSignal,
): Promise<Job | undefined> {
  try {
    const path = jobPath(job.namespace, job.name);
    return readJobObject((await source.kube.send({ verb: 'GET', path }, signal)) as object);
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return undefined;
    throw error;
  }
}
