/**
 * Recovery on a real cluster of two nodes: jobs of four workers, of which each trainer is killed
 * once, then each pod deleted once, so that every loss is the first of its index; beside plain Jobs
 * with four pods, whose processes and pods go the same way (plain-job.ts). Images are on the nodes.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Setup } from '../../../cli/setup/setup.ts';
import type { Closing } from '../../cluster/access.ts';
import type { JobOfSeveral } from '../../cluster/several.ts';
import { startCluster } from '../../setup/cluster/cluster.ts';
import { spread } from '../train/table.ts';
import type { RestartPolicy } from './plain-job.ts';

const workers = 4;
const indexes = Array.from({ length: workers }, (_, index) => index);

/** Seconds since the act, each from the one before. */
interface Loss {
  /** The pod has saved and ended; of a killed trainer nothing. */
  readonly ended: number;
  /** There is another pod. */
  readonly made: number;
  /** It is placed, and its container runs. */
  readonly running: number;
  /** The next world has done its first step. */
  readonly stepped: number;
}

const totalOf = ({ ended, made, running, stepped }: Loss) => ended + made + running + stepped;

export async function measureOnCluster(setup: Setup, rounds: number): Promise<string> {
  await using cluster = await startCluster(setup);
  Object.assign(process.env, cluster.env);
  // These read the variables of the cluster when they are loaded.
  const { aNamespace, installCrd } = await import('../../cluster/access.ts');
  const { installAnneal, loadImages } = await import('../../cluster/installed.ts');
  await using stack = new AsyncDisposableStack();
  const closing: Closing = { teardown: (close) => stack.defer(async () => void (await close())) };
  await installCrd();
  await loadImages();
  const namespaces: string[] = [];
  for (let round = 0; round < rounds; round += 1) namespaces.push(await aNamespace(closing));
  await installAnneal(closing, namespaces);
  const found = { trainers: [] as Loss[], pods: [] as Loss[] };
  const plain = { processes: [] as number[], replaced: [] as number[], pods: [] as number[] };
  for (const [round, namespace] of namespaces.entries()) {
    const ours = await ourRound(namespace, closing);
    found.trainers.push(...ours.trainers);
    found.pods.push(...ours.pods);
    plain.processes.push(...(await plainRound(await aNamespace(closing), 'OnFailure', 'kill')));
    plain.replaced.push(...(await plainRound(await aNamespace(closing), 'Never', 'kill')));
    plain.pods.push(...(await plainRound(await aNamespace(closing), 'Never', 'delete')));
    setup.steps.note(`round ${round + 1} of ${rounds}`);
  }
  return table(found, plain);
}

/** Each trainer once, then each pod once. */
async function ourRound(namespace: string, closing: Closing) {
  const { aJobOfSeveral } = await import('../../cluster/several.ts');
  const { kubectl } = await import('../../cluster/access.ts');
  const { signalPod } = await import('../../cluster/pod-processes.ts');
  const asked = { workers, intervalSteps: 3 };
  const timeout = Object.assign(() => {}, { clear: () => {} });
  const job = await aJobOfSeveral({ ...closing, timeout }, namespace, asked);
  await job.told.untilStep(1);
  const trainers: Loss[] = [];
  for (const index of indexes) {
    trainers.push(await lose(job, index, ({ uid }) => void signalPod(uid, 'SIGKILL', 'trainer')));
  }
  const pods: Loss[] = [];
  const remove = ({ name }: { readonly name: string }) =>
    kubectl(['-n', namespace, 'delete', 'pod', name, '--wait=false']);
  for (const index of indexes) pods.push(await lose(job, index, remove));
  await kubectl(['-n', namespace, 'delete', 'finetunejob', 'toy', '--wait=true']);
  return { trainers, pods };
}

async function lose(
  job: JobOfSeveral,
  index: number,
  act: (pod: { readonly name: string; readonly uid: string }) => unknown,
): Promise<Loss> {
  // A checkpoint comes in between: restarts that lead to none end a job.
  await job.told.untilStep(job.told.last.step + 5);
  const pod = (await job.pods()).find((each) => each.index === index);
  if (pod === undefined) throw new Error(`pod ${index} does not run`);
  const { round } = job.told.last;
  const began = Date.now();
  await act(pod);
  const over = new AbortController();
  const looking = lookAt(job.namespace, index, pod.uid, over.signal);
  const next = await job.told.firstAfter(round);
  over.abort();
  const seen = await looking;
  // Of what did not happen the time is that of what was before.
  const ended = seen.ended ?? began;
  const made = seen.made ?? ended;
  const running = seen.running ?? made;
  const seconds = (from: number, to: number) => Math.max(0, to - from) / 1000;
  return {
    ended: seconds(began, ended),
    made: seconds(ended, made),
    running: seconds(made, running),
    stepped: seconds(running, next.at),
  };
}

interface Listed {
  readonly metadata: {
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly status: {
    readonly phase?: string;
    readonly containerStatuses?: readonly { readonly state?: { readonly running?: object } }[];
  };
}

/**
 * What becomes of the pod of an index, evaluated at five times a second; milliseconds since 1970.
 */
async function lookAt(namespace: string, index: number, uid: string, signal: AbortSignal) {
  const { listJson } = await import('../../cluster/access.ts');
  const seen: { ended?: number; made?: number; running?: number } = {};
  const selector = `anneal.dev/component=worker,batch.kubernetes.io/job-completion-index=${index}`;
  while (!signal.aborted) {
    const listed = (await listJson(namespace, 'pods', selector)) as Listed[];
    const now = Date.now();
    const old = listed.find(({ metadata }) => metadata.uid === uid);
    const next = listed.find(({ metadata }) => metadata.uid !== uid);
    if (old === undefined || /Succeeded|Failed/.test(old.status.phase ?? '')) seen.ended ??= now;
    if (next !== undefined) seen.made ??= now;
    if (next?.status.containerStatuses?.[0]?.state?.running !== undefined) seen.running ??= now;
    await wait(200);
  }
  return seen;
}

/**
 * Seconds until the container that takes the place of the lost one has begun, once for each index.
 */
async function plainRound(namespace: string, restartPolicy: RestartPolicy, how: 'kill' | 'delete') {
  const { kubectl, listJson } = await import('../../cluster/access.ts');
  const { killContainers } = await import('../../cluster/pod-processes.ts');
  const { aSharedFolder } = await import('../../cluster/shared-folder.ts');
  const { applyPlainJob, plainPods, untilStarted } = await import('./plain-job.ts');
  const folder = await aSharedFolder(namespace, 'toy');
  await applyPlainJob(namespace, workers, restartPolicy);
  const seconds: number[] = [];
  for (const index of indexes) {
    await untilStarted(folder, index, 1);
    const selector = `${plainPods},batch.kubernetes.io/job-completion-index=${index}`;
    const [pod] = (await listJson(namespace, 'pods', selector)) as {
      readonly metadata: { readonly name: string; readonly uid: string };
    }[];
    if (pod === undefined) throw new Error(`the plain Job has no pod ${index}`);
    const began = Date.now();
    if (how === 'kill') killContainers(pod.metadata.uid);
    else await kubectl(['-n', namespace, 'delete', 'pod', pod.metadata.name, '--wait=false']);
    seconds.push(((await untilStarted(folder, index, 2)) - began) / 1000);
  }
  await kubectl(['-n', namespace, 'delete', 'job', 'plain', '--wait=false']);
  return seconds;
}

function table(
  found: { readonly trainers: readonly Loss[]; readonly pods: readonly Loss[] },
  plain: {
    readonly processes: readonly number[];
    readonly replaced: readonly number[];
    readonly pods: readonly number[];
  },
): string {
  const row = (what: string, losses: readonly Loss[]) => {
    const of = (value: (loss: Loss) => number) => spread(losses.map(value), 1);
    const stages = [
      ...[of(({ ended }) => ended), of(({ made }) => made)],
      ...[of(({ running }) => running), of(({ stepped }) => stepped)],
    ];
    return [what, String(losses.length), of(totalOf), ...stages];
  };
  const peer = (what: string, seconds: readonly number[]) => [
    ...[what, String(seconds.length), spread(seconds, 1), '', '', '', ''],
  ];
  const rows = [
    ...[['', 'times', 'seconds', 'pod ended', 'pod made', 'container runs', 'first step']],
    Array.from({ length: 7 }, () => '---'),
    row('Anneal, trainer killed, to the next step of all', found.trainers),
    peer('plain Job, OnFailure: process killed, until another runs', plain.processes),
    peer('plain Job, Never: process killed, until another runs', plain.replaced),
    row('Anneal, pod deleted, to the next step of all', found.pods),
    peer('plain Job, pod deleted, until another runs', plain.pods),
  ];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
