// What tests of jobs with real pods ask of the cluster: how a job stands, which pod trains, what the command line says about it.
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';
import { eventually } from '../doubles/eventually.ts';
import type { JobStatus } from './a-job.ts';
import { getJson, kubeconfig, kubectl } from './access.ts';

const command = join(import.meta.dirname, '../../cli/anneal.mjs');

export async function statusOf(namespace: string, name: string): Promise<JobStatus> {
  const { status } = await getJson('-n', namespace, 'finetunejob', name);
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
  const selector = ['-l', `batch.kubernetes.io/job-name=${name}-w1`];
  const { items } = (await getJson('-n', namespace, 'pods', ...selector)) as { items: Pod[] };
  const pod = items.find(({ status }) => status.phase === 'Running');
  if (pod === undefined) return undefined;
  const restarts = (pod.status.containerStatuses ?? []).map((each) => each.restartCount);
  return { ...pod.metadata, restarts: Math.max(0, ...restarts) };
}

interface Pod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

/** UIDs of the pods of a release, by component. */
export async function podsOfRelease(namespace: string): Promise<ReadonlyMap<string, string>> {
  const path =
    '{range .items[*]}{.metadata.labels.app\\.kubernetes\\.io/component} {.metadata.uid}{"\\n"}{end}';
  const { stdout } = await kubectl(['-n', namespace, 'get', 'pods', '-o', `jsonpath=${path}`]);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
}

/** The command line, as a person of the job's namespace would type it. */
export async function annealOn(jobs: string, release: string, args: readonly string[]) {
  const env = { KUBECONFIG: kubeconfig, ANNEAL_SYSTEM_NAMESPACE: release, NO_COLOR: '1' };
  const words = [command, ...args, '-n', jobs];
  return execa(process.execPath, words, { env, stdin: 'ignore', timeout: 120_000 });
}
