// Jobs of several workers, with pods on both nodes.
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { eventually } from '../../doubles/eventually.ts';
import { digestsBelow } from '../../e2e/killed-run.ts';
import { onThisMachine, statusOf, untilComplete } from '../a-real-job.ts';
import { kubectl } from '../access.ts';
import { test } from '../our-cluster.ts';
import { killPod } from '../pod-processes.ts';
import { aJobOfSeveral, type JobOfSeveral } from '../several.ts';
import type { SharedRelease } from '../shared-release.ts';

const halo = { preset: 'QGaLore', precision: { type: 'HALO' } };

const pvTuning = {
  preset: 'PVTuning',
  base: { type: 'Codebook', codebook: { codebooks: 1, bits: 4, groupSize: 4 } },
};

/** Blocks of both halves take turns. */
const lisa = {
  preset: 'LISA',
  selection: { type: 'LISA', lisa: { activeLayers: 1, intervalSteps: 2 } },
};

/** What it has gathered of gradients, and where it trains, change on the way. */
const spiel = {
  preset: 'SpIEL',
  adapter: {
    type: 'SpIEL',
    spiel: { density: '0.05', reselectSteps: 5, accumulationSteps: 3, initialRate: '0.5' },
  },
};

export function jobsOfSeveralWorkers(release: SharedRelease): void {
  test('kubectl scale changes the number of workers while they train', release.turn(scaled));
  test('two workers on two nodes train one model by HALO and QGaLore', release.turn(undisturbed));
  test('a job is suspended with one save, and goes on at that step', release.turn(suspended));
  test('two workers of which one is killed end with the same bits', release.turn(podKilled));
  test(
    'two workers on two nodes train one model by PVTuning',
    release.turn(async (t, namespace) => {
      const wanted = { workers: 2, maxSteps: 12, intervalSteps: 5, method: pvTuning } as const;
      await endsAsHere(t, await aJobOfSeveral(t, namespace, wanted));
    }),
  );
  test(
    'two workers on two nodes train one model that hears, by LISA',
    release.turn(async (t, namespace) => {
      const wanted = { workers: 2, maxSteps: 12, intervalSteps: 5, method: lisa } as const;
      await endsAsHere(t, await aJobOfSeveral(t, namespace, { ...wanted, family: 'whisper' }));
    }),
  );
}

async function undisturbed(t: ExecutionContext, namespace: string): Promise<void> {
  const wanted = { workers: 2, maxSteps: 40, intervalSteps: 15, method: halo };
  const job = await aJobOfSeveral(t, namespace, wanted);
  await job.told.untilStep(1);
  const nodes = (await job.pods()).map(({ node }) => node);
  t.is(new Set(nodes).size, 2, `the pods are on ${nodes}`);
  await endsAsHere(t, job);
  t.is((await statusOf(namespace, 'toy')).rendezvous?.round, 1);
}

async function podKilled(t: ExecutionContext, namespace: string): Promise<void> {
  // Checkpoints from the middle of what it gathers for a choice are among them.
  const wanted = { workers: 2, maxSteps: 60, intervalSteps: 9, method: spiel };
  const job = await aJobOfSeveral(t, namespace, wanted);
  await job.told.untilStep(12);
  const [, second] = await job.pods();
  if (second === undefined) return t.fail('there is no second worker');
  const { round, step } = job.told.last;
  killPod(second.uid);
  const next = await job.told.firstAfter(round);
  t.true(next.step <= step, `nothing was lost: step ${next.step} came after step ${step}`);
  await endsWithTheSameBits(t, job);
}

async function suspended(t: ExecutionContext, namespace: string): Promise<void> {
  // Gates of SoRA close while it trains; how many are left belongs to the state.
  const sora = { type: 'SoRA', sora: { rank: 4, threshold: '0.02' } };
  const method = { preset: 'SoRA', adapter: sora };
  const job = await aJobOfSeveral(t, namespace, { workers: 2, intervalSteps: 1_000_000, method });
  await job.told.untilStep(20);
  await job.suspend();
  const { step } = job.told.last;
  t.deepEqual(await job.pods(), []);
  await job.resumeFor(20);
  const next = await job.told.firstAfter(1);
  t.is(next.step, step + 1, 'no step is done twice');
  await endsAsHere(t, job);
}

/**
 * With the bits of two workers of this machine, which are at work meanwhile, and without a restart.
 */
async function endsAsHere(t: ExecutionContext, job: JobOfSeveral) {
  await endsWithTheSameBits(t, job);
  t.is((await statusOf(job.namespace, 'toy')).restarts?.counted ?? 0, 0);
}

async function endsWithTheSameBits(t: ExecutionContext, { namespace, folder }: JobOfSeveral) {
  const here = onThisMachine(t, folder, 2);
  await Promise.all([untilComplete(t, namespace, 'toy'), here]);
  t.deepEqual(digestsBelow(join(folder, 'out')), await here);
}

async function scaled(t: ExecutionContext, namespace: string): Promise<void> {
  const worker = { elasticity: 'Live', minReplicas: 1, maxReplicas: 3 };
  const job = await aJobOfSeveral(t, namespace, { workers: 2, intervalSteps: 10, worker });
  await job.told.untilStep(20);
  for (const [turn, replicas] of [3, 1].entries()) {
    const { round, step } = job.told.last;
    const began = Date.now();
    await kubectl(['-n', namespace, 'scale', 'finetunejob/toy', `--replicas=${replicas}`]);
    const next = await job.told.firstAfter(round);
    const seconds = ((next.at - began) / 1000).toFixed(1);
    t.log(`to ${replicas}: step ${next.step} after ${seconds} s, asked for at step ${step}`);
    await eventually(
      `${replicas} workers are told`,
      async () => {
        const { rendezvous } = await statusOf(namespace, 'toy');
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
    t.is((await statusOf(namespace, 'toy')).restarts?.resizes, turn + 1);
  }
  await job.suspend();
  await job.resumeFor(10);
  await untilComplete(t, namespace, 'toy');
  const { restarts } = await statusOf(namespace, 'toy');
  t.is(restarts?.counted ?? 0, 0);
  t.is(restarts?.disruptions ?? 0, 0, 'a pod that is to go is no loss');
}
