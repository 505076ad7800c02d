// Jobs of several workers on the real cluster: the images of this checkout, installed by the chart, pods on both nodes. The result has the
// bits that `anneal run --workers N` makes of the same file; what happens to them when something is lost is in test/losses.
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { eventually } from '../doubles/eventually.ts';
import { digestsBelow } from '../e2e/killed-run.ts';
import { onThisMachine, statusOf, untilComplete } from './a-real-job.ts';
import { aNamespace, installCrd, kubectl } from './access.ts';
import { closedAfter } from './closed-after.ts';
import { installAnneal, loadImages } from './installed.ts';
import { test } from './our-cluster.ts';
import { aJobOfSeveral, type Wanted } from './several.ts';

const file = closedAfter(test);
const namespaces: string[] = [];

test.before(async (t) => {
  t.timeout(900_000);
  await installCrd();
  await loadImages();
  for (let each = 0; each < 6; each++) namespaces.push(await aNamespace(file));
  await installAnneal(file, namespaces);
});

/** The next job, in a namespace of its own; one release is in charge of all. */
const aJob = (t: ExecutionContext, wanted: Wanted) =>
  aJobOfSeveral(t, namespaces.pop() ?? '', wanted);

test.serial('two workers on two nodes train one model', async (t) => {
  const job = await aJob(t, { workers: 2, maxSteps: 60, intervalSteps: 10 });
  await job.told.untilStep(1);
  const nodes = (await job.pods()).map(({ node }) => node);
  t.is(new Set(nodes).size, 2, `the pods are on ${nodes}`);
  await untilComplete(t, job.namespace, 'toy');
  t.deepEqual(digestsBelow(join(job.folder, 'out')), await onThisMachine(t, job.folder, 2));
  const { rendezvous, restarts } = await statusOf(job.namespace, 'toy');
  t.is(rendezvous?.generation, 1);
  t.is(restarts?.counted ?? 0, 0);
});

for (const method of [
  { preset: 'HALO' },
  { preset: 'QGaLore' },
  {
    preset: 'PVTuning',
    base: { type: 'Codebook', codebook: { codebooks: 1, bits: 4, groupSize: 4 } },
  },
]) {
  test.serial(`two workers on two nodes train one model by ${method.preset}`, async (t) => {
    const job = await aJob(t, { workers: 2, maxSteps: 12, intervalSteps: 5, method });
    await untilComplete(t, job.namespace, 'toy');
    t.deepEqual(digestsBelow(join(job.folder, 'out')), await onThisMachine(t, job.folder, 2));
    t.is((await statusOf(job.namespace, 'toy')).restarts?.counted ?? 0, 0);
  });
}

test.serial('a job is suspended with one save, and goes on at that step', async (t) => {
  const job = await aJob(t, { workers: 2, intervalSteps: 1_000_000 });
  await job.told.untilStep(20);
  await job.suspend();
  const { step } = job.told.last;
  t.deepEqual(await job.pods(), []);
  await job.resumeFor(20);
  const next = await job.told.firstAfter(1);
  t.is(next.step, step + 1, 'no step is done twice');
  await untilComplete(t, job.namespace, 'toy');
  t.deepEqual(digestsBelow(join(job.folder, 'out')), await onThisMachine(t, job.folder, 2));
  t.is((await statusOf(job.namespace, 'toy')).restarts?.counted ?? 0, 0);
});

test.serial('kubectl scale changes the number of workers while they train', async (t) => {
  const worker = { elasticity: 'Live', minReplicas: 1, maxReplicas: 3 };
  const job = await aJob(t, { workers: 2, intervalSteps: 10, worker });
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
  await job.suspend();
  await job.resumeFor(10);
  await untilComplete(t, job.namespace, 'toy');
  const { restarts } = await statusOf(job.namespace, 'toy');
  t.is(restarts?.counted ?? 0, 0);
  t.is(restarts?.disruptions ?? 0, 0, 'a pod that is to go is no loss');
});
