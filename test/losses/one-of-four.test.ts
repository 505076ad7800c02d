// Four workers on the real cluster, to one of which something happens, again and again. Whatever is
// lost on the way, the result has the bits that `anneal run --workers 4` makes of the same file.
import { join } from 'node:path';
import { onThisMachine, statusOf, untilComplete } from '../cluster/a-real-job.ts';
import { aNamespace, installCrd, kubectl } from '../cluster/access.ts';
import { installAnneal, loadImages } from '../cluster/installed.ts';
import { test } from '../cluster/our-cluster.ts';
import { signalPod } from '../cluster/pod-processes.ts';
import { aJobOfSeveral, type JobOfSeveral, type PodOfSeveral } from '../cluster/several.ts';
import { digestsBelow } from '../e2e/killed-run.ts';

test.before(async () => {
  await installCrd();
  await loadImages();
});

interface Row {
  readonly what: string;
  readonly index: number;
  readonly act: (job: JobOfSeveral, pod: PodOfSeveral) => Promise<unknown>;
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

function remove({ namespace }: JobOfSeveral, name: string, ...flags: readonly string[]) {
  return kubectl(['-n', namespace, 'delete', 'pod', name, '--wait=false', ...flags]);
}

function evict({ namespace }: JobOfSeveral, name: string) {
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

test('four workers survive whatever happens to one of them', async (t) => {
  const namespace = await aNamespace(t);
  await installAnneal(t, namespace);
  const job = await aJobOfSeveral(t, namespace, { workers: 4, intervalSteps: 3 });
  await job.told.untilStep(1);
  for (const { what, index, act } of rows) {
    // A checkpoint comes in between: restarts that lead to none end a job.
    await job.told.untilStep(job.told.last.step + 5);
    const pod = (await job.pods()).find((each) => each.index === index);
    if (pod === undefined) return t.fail(`pod ${index} does not run before: ${what}`);
    const before = job.told.last;
    const began = Date.now();
    await act(job, pod);
    const next = await job.told.firstAfter(before.round);
    const seconds = ((next.at - began) / 1000).toFixed(1);
    const again = Math.max(0, before.step + 1 - next.step);
    t.log(`${what}: next step after ${seconds} s, ${again} steps again, round ${next.round}`);
  }
  await job.suspend();
  await job.resumeFor(10);
  await untilComplete(t, job.namespace, 'toy');
  t.deepEqual(digestsBelow(join(job.folder, 'out')), await onThisMachine(t, job.folder, 4));
  const { restarts } = await statusOf(job.namespace, 'toy');
  t.log(JSON.stringify(restarts));
  t.true((restarts?.counted ?? 0) >= 3, 'trainers and a supervisor were killed');
});
