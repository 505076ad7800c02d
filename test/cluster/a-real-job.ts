// What tests of jobs with real pods ask of the cluster: how a job stands, which pod trains, what
// the command line says about it.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { eventually } from '../doubles/eventually.ts';
import { startAnneal } from '../e2e/anneal-process.ts';
import { digestsBelow } from '../e2e/killed-run.ts';
import type { JobStatus } from './a-job.ts';
import { getJson, kubeconfig, listJson } from './access.ts';

const command = join(import.meta.dirname, '../../cli/anneal.mjs');

export async function statusOf(namespace: string, name: string): Promise<JobStatus> {
  const { status } = await getJson(namespace, 'finetunejobs', name);
  return (status ?? {}) as JobStatus;
}

/** As long as it takes, but not when the job has failed: then with the words of its failure. */
export async function untilComplete(
  t: ExecutionContext,
  namespace: string,
  name: string,
  minutes = 10,
) {
  const ended = async (): Promise<boolean> => {
    const { phase } = await statusOf(namespace, name);
    return phase === 'Succeeded' || phase === 'Failed';
  };
  await eventually(`${name} has ended`, ended, { withinMs: minutes * 60_000, everyMs: 500 });
  const { phase, failure } = await statusOf(namespace, name);
  t.is(phase, 'Succeeded', JSON.stringify(failure));
}

export async function untilItTrains(namespace: string, name: string): Promise<void> {
  const trains = async () => ((await statusOf(namespace, name)).progress?.step ?? 0) > 0;
  await eventually(`${name} trains`, trains, { withinMs: 240_000, everyMs: 200 });
}

export interface RunningPod {
  readonly name: string;
  readonly uid: string;
  readonly restarts: number;
}

/** The pod of the first worker Job that runs now. */
export async function workerPod(namespace: string, name: string): Promise<RunningPod | undefined> {
  const found = await listJson(namespace, 'pods', `batch.kubernetes.io/job-name=${name}-w1`);
  const pod = (found as Pod[]).find(({ status }) => status.phase === 'Running');
  if (pod === undefined) return undefined;
  const restarts = (pod.status.containerStatuses ?? []).map((each) => each.restartCount);
  // Its version changes with what its node says of it, which may come late.
  const { name: podName, uid } = pod.metadata;
  return { name: podName, uid, restarts: Math.max(0, ...restarts) };
}

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

/**
 * UIDs of the pods of a release, by component; of those that are on their way out there may be some
 * for a while.
 */
export async function podsOfRelease(namespace: string): Promise<ReadonlyMap<string, string>> {
  const found = (await listJson(namespace, 'pods')) as PodOfRelease[];
  const staying = found.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  return new Map(
    staying.map(({ metadata: { labels, uid } }) => [
      labels['app.kubernetes.io/component'] ?? '',
      uid,
    ]),
  );
}

interface PodOfRelease {
  readonly metadata: {
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
}

/** The command line, as a person of the job's namespace would type it. */
export async function annealOn(jobs: string, release: string, args: readonly string[]) {
  const env = { KUBECONFIG: kubeconfig, ANNEAL_SYSTEM_NAMESPACE: release, NO_COLOR: '1' };
  const words = [command, ...args, '-n', jobs];
  return execa(process.execPath, words, { env, stdin: 'ignore', timeout: 120_000 });
}

const made: readonly string[] = ['.anneal', 'out', 'saved'];

/**
 * The same file on this machine, by so many workers; its artefacts. The job may be at work in the
 * folder, which is that of the `claim`, meanwhile.
 */
export async function onThisMachine(
  t: ExecutionContext,
  folder: string,
  workers: number,
  variables: Readonly<Record<string, string>> = {},
  { file = 'job.yaml', claim = 'toy' } = {},
) {
  const cache = await mkdtemp(join(tmpdir(), 'anneal-local-'));
  t.teardown(() => rm(cache, { recursive: true, force: true }));
  const place = join(cache, 'volumes', claim);
  // What workers of the cluster have made there is not what is made here.
  const isGiven = (path: string) => !made.includes(basename(path));
  await cp(folder, place, { recursive: true, filter: isGiven });
  const flags = ['--workers', String(workers)];
  const run = startAnneal(join(place, file), cache, () => {}, flags, variables);
  const { code, stderr } = await run.ended;
  t.is(code, 0, stderr);
  return digestsBelow(join(place, 'out'));
}
