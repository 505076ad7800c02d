// Jobs of several workers on the real cluster: the images of this checkout, installed by the chart, pods on both nodes. Whatever is lost on
// the way, the result has the bits that `anneal run --workers N` makes of the same file.
import { join } from 'node:path';
import { eventually } from '../doubles/eventually.ts';
import { digestsBelow } from '../e2e/killed-run.ts';
import { onThisMachine, statusOf, untilComplete } from './a-real-job.ts';
import { installCrd, kubectl } from './access.ts';
import { loadImages } from './installed.ts';
import { test } from './our-cluster.ts';
import { signalPod } from './pod-processes.ts';
import { aJobOfSeveral } from './several.ts';

test.before(async () => {
  await installCrd();
  await loadImages();
});

test.serial('two workers on two nodes train one model', async (t) => {
  const job = await aJobOfSeveral(t, { workers: 2, maxSteps: 60, intervalSteps: 10 });
  await job.told.untilStep(1);
  const nodes = (await job.pods()).map(({ node }) => node);
  t.is(new Set(nodes).size, 2, `the pods are on ${nodes}`);
  await untilComplete(t, job.namespace, 'toy');
  t.deepEqual(digestsBelow(join(job.folder, 'out')), await onThisMachine(t, job.folder, 2));
  const { rendezvous, restarts } = await statusOf(job.namespace, 'toy');
  t.is(rendezvous?.generation, 1);
  t.is(restarts?.counted ?? 0, 0);
});

type Job = Awaited<ReturnType<typeof aJobOfSeveral>>;
type Pod = Awaited<ReturnType<Job['pods']>>[number];

interface Row {
  readonly what: string;
  readonly index: number;
  readonly act: (job: Job, pod: Pod) => Promise<unknown>;
}

/** One after the other, each to another pod. */
const rows: readonly Row[] = [
  { what: 'trainer killed', index: 1, act: async (_, { uid }) => kill(uid, 'trainer') },
  { what: 'trainer of rank 0 killed', index: 0, act: async (_, { uid }) => kill(uid, 'trainer') },
  { what: 'supervisor killed', index: 2, act: async (_, { uid }) => kill(uid, 'supervisor') },
  { what: 'pod deleted', index: 3, act: (job, { name }) => remove(job, name) },
  {
    what: 'pod deleted by force',
    index: 0,
    act: (job, { name }) => remove(job, name, '--grace-period=0', '--force'),
  },
  { what: 'pod evicted through the API', index: 1, act: (job, { name }) => evict(job, name) },
  { what: 'pod frozen for 20 s', index: 2, act: (_, { uid }) => freeze(uid, 20_000) },
];

function kill(uid: string, what: 'trainer' | 'supervisor'): void {
  if (signalPod(uid, 'SIGKILL', what) === 0) throw new Error(`no ${what} runs in pod ${uid}`);
}

function remove({ namespace }: Job, name: string, ...flags: readonly string[]) {
  return kubectl(['-n', namespace, 'delete', 'pod', name, '--wait=false', ...flags]);
}

function evict({ namespace }: Job, name: string) {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}/eviction`;
  const metadata = { name, namespace };
  const input = JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata });
  return kubectl(['create', '--raw', path, '-f', '-'], { input });
}

async function freeze(uid: string, ms: number): Promise<void> {
  signalPod(uid, 'SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, ms));
  signalPod(uid, 'SIGCONT');
}

test.serial('four workers survive whatever happens to one of them', async (t) => {
  const job = await aJobOfSeveral(t, { workers: 4, maxSteps: 90, intervalSteps: 3 });
  await job.told.untilStep(1);
  for (const { what, index, act } of rows) {
    // A checkpoint comes in between: restarts that lead to none end a job.
    await job.told.untilStep(job.told.last.step + 5);
    const pod = (await job.pods()).find((each) => each.index === index);
    if (pod === undefined) return t.fail(`pod ${index} does not run before: ${what}`);
    const before = job.told.last;
    const began = Date.now();
    await act(job, pod);
    const next = await job.told.firstAfter(before.generation);
    const seconds = ((next.at - began) / 1000).toFixed(1);
    const again = Math.max(0, before.step + 1 - next.step);
    t.log(
      `${what}: next step after ${seconds} s, ${again} steps again, generation ${next.generation}`,
    );
  }
  await untilComplete(t, job.namespace, 'toy');
  t.deepEqual(digestsBelow(join(job.folder, 'out')), await onThisMachine(t, job.folder, 4));
  const { restarts } = await statusOf(job.namespace, 'toy');
  t.log(JSON.stringify(restarts));
  t.true((restarts?.counted ?? 0) >= 3, 'trainers and a supervisor were killed');
});

test.serial('a job is suspended with one save, and goes on at that step', async (t) => {
  const job = await aJobOfSeveral(t, { workers: 2, maxSteps: 60, intervalSteps: 1000 });
  await job.told.untilStep(20);
  await patch(job, { suspend: true });
  await phase(job, 'Suspended');
  const { step } = job.told.last;
  t.deepEqual(await job.pods(), []);
  await patch(job, { suspend: false });
  const next = await job.told.firstAfter(1);
  t.is(next.step, step + 1, 'no step is done twice');
  await untilComplete(t, job.namespace, 'toy');
  t.deepEqual(digestsBelow(join(job.folder, 'out')), await onThisMachine(t, job.folder, 2));
  t.is((await statusOf(job.namespace, 'toy')).restarts?.counted ?? 0, 0);
});

test.serial('kubectl scale changes the number of workers while they train', async (t) => {
  const worker = { elasticity: 'Live', minReplicas: 1, maxReplicas: 3 };
  const job = await aJobOfSeveral(t, { workers: 2, maxSteps: 150, intervalSteps: 10, worker });
  await job.told.untilStep(20);
  for (const [round, replicas] of [3, 1].entries()) {
    const { generation, step } = job.told.last;
    const began = Date.now();
    await kubectl(['-n', job.namespace, 'scale', 'finetunejob/toy', `--replicas=${replicas}`]);
    const next = await job.told.firstAfter(generation);
    const seconds = ((next.at - began) / 1000).toFixed(1);
    t.log(`to ${replicas}: step ${next.step} after ${seconds} s, asked for at step ${step}`);
    await eventually(
      `${replicas} workers are told`,
      async () => {
        const { rendezvous } = await statusOf(job.namespace, 'toy');
        return rendezvous?.worldSize === replicas;
      },
      { withinMs: 60_000, everyMs: 500 },
    );
    await eventually(
      `${replicas} pods are left`,
      async () => (await job.pods()).length === replicas,
      { withinMs: 90_000, everyMs: 500 },
    );
    await job.told.untilStep(job.told.last.step + 15);
    t.is((await statusOf(job.namespace, 'toy')).restarts?.resizes, round + 1);
  }
  await untilComplete(t, job.namespace, 'toy');
  const { restarts } = await statusOf(job.namespace, 'toy');
  t.is(restarts?.counted ?? 0, 0);
  t.is(restarts?.disruptions ?? 0, 0, 'a pod that is to go is no loss');
});

function patch({ namespace }: Job, spec: object) {
  const change = ['--type=merge', '-p', JSON.stringify({ spec })];
  return kubectl(['-n', namespace, 'patch', 'finetunejob', 'toy', ...change]);
}

function phase({ namespace }: Job, wanted: string): Promise<void> {
  return eventually(
    `the job is ${wanted}`,
    async () => (await statusOf(namespace, 'toy')).phase === wanted,
    { withinMs: 120_000, everyMs: 250 },
  );
}
