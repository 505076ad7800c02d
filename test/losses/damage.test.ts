// What is written down is lost or spoiled under jobs of four workers on the real cluster, their
// numbers stay not finite, or the kernel kills for memory. They go on from what is left, to the
// bits of four local workers; where nothing is left, status says what it was, in the words of the
// worker.
import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { is, type JobStatus, messageOf } from '../cluster/a-job.ts';
import { onThisMachine, statusOf, untilComplete } from '../cluster/a-real-job.ts';
import { kubectl } from '../cluster/access.ts';
import { closedAfter } from '../cluster/closed-after.ts';
import { test } from '../cluster/our-cluster.ts';
import { processIdsOf, signalPod } from '../cluster/pod-processes.ts';
import { aJobOfSeveral, type JobOfSeveral } from '../cluster/several.ts';
import { SharedRelease } from '../cluster/shared-release.ts';
import { damages } from '../doubles/damaged-checkpoint.ts';
import { eventually } from '../doubles/eventually.ts';
import { emptyDisk, fillDisk } from '../doubles/small-disk.ts';
import { memoryOfContainer } from '../doubles/taken-memory.ts';
import { digestsBelow } from '../e2e/killed-run.ts';

const file = closedAfter(test);
const release = new SharedRelease();

test.before(async (t) => {
  t.timeout(900_000);
  await release.install(file);
});

const workers = 4;
/** Every weight is trained: a checkpoint is some megabytes. */
const full = { preset: 'Full', precision: { type: 'Float32' } };
/** Enough for records and lines, too little for a shard. */
const littleBytes = 300_000;

async function until(
  { namespace }: JobOfSeveral,
  what: string,
  holds: (now: JobStatus) => boolean,
  everyMs = 250,
): Promise<JobStatus> {
  let now: JobStatus = {};
  const look = async () => {
    now = await statusOf(namespace, 'toy');
    return holds(now) || now.failure !== undefined;
  };
  await eventually(what, look, { withinMs: 240_000, everyMs });
  if (!holds(now)) throw new Error(`not ${what}, but ${JSON.stringify(now.failure)}`);
  return now;
}

const untilSaved = (job: JobOfSeveral, step = 0) =>
  until(
    job,
    'saved',
    ({ checkpoint }) =>
      (checkpoint?.latestStep ?? 0) > step && checkpoint?.round === job.told.last.round,
  );

/** It trains some steps more, and ends with the bits of as many local workers. */
async function endsWell(t: ExecutionContext, job: JobOfSeveral): Promise<void> {
  await job.suspend();
  await job.resumeFor(10);
  const here = onThisMachine(t, job.folder, workers);
  await Promise.all([untilComplete(t, job.namespace, 'toy'), here]);
  t.deepEqual(digestsBelow(join(job.folder, 'out')), await here);
  t.log(JSON.stringify((await statusOf(job.namespace, 'toy')).restarts));
}

interface BadEnd {
  readonly code: string;
  readonly reason: string;
  readonly exitCode: number;
  readonly words: RegExp;
}

/**
 * It has failed for this reason, which the condition names, and status keeps the evidence: where,
 * how, the words of the worker.
 */
async function endsBadly(t: ExecutionContext, job: JobOfSeveral, { words, ...expected }: BadEnd) {
  const failed = await until(job, 'failed', ({ phase }) => phase === 'Failed');
  const { failure } = failed;
  t.log(JSON.stringify(failure));
  t.like(failure, expected);
  t.is(is(failed, 'Failed'), `True/${expected.reason}`);
  t.regex(messageOf(failed, 'Failed'), words);
  t.regex(failure?.message ?? '', words);
  t.regex(failure?.node ?? '', /^node-\d$/);
  t.true((failure?.index ?? workers) < workers, 'of one of the workers');
  const noneRuns = async () => (await job.pods()).length === 0;
  await eventually('no worker runs any more', noneRuns, { withinMs: 120_000, everyMs: 250 });
}

async function podOf(job: JobOfSeveral, index: number) {
  const pod = (await job.pods()).find((each) => each.index === index);
  if (pod === undefined) throw new Error(`pod ${index} does not run`);
  return pod;
}

test(
  'a volume without room costs checkpoints, which status says, and not what was trained',
  release.turn(async (t, namespace) => {
    const job = await aJobOfSeveral(t, namespace, {
      ...{ workers, intervalSteps: 3, method: full, diskBytes: 160 * 2 ** 20 },
      checkpoint: { memory: { mode: 'LocalAndPeer', intervalSteps: 1 } },
    });
    await untilSaved(job);
    const told = await until(job, 'told as degraded', (now) => {
      // Again and again: a checkpoint that goes makes room for the next.
      fillDisk(job.folder, littleBytes);
      return is(now, 'Degraded') === 'True/StorageFull';
    });
    t.log(messageOf(told, 'Degraded'));
    const saved = told.checkpoint?.latestStep ?? 0;
    await job.told.untilStep(job.told.last.step + 4);
    const { round, step } = job.told.last;
    t.is(signalPod((await podOf(job, 1)).uid, 'SIGKILL', 'trainer'), 1);
    const next = await job.told.firstAfter(round);
    t.log(`step ${next.step} was next, where ${step} was told and ${saved} saved`);
    t.true(next.step - 1 > saved, 'it went on from memory');
    await job.told.untilStep(next.step + 4);
    emptyDisk(job.folder);
    await until(job, 'as asked again', (now) => is(now, 'Degraded') === 'False/AsAsked');
    await untilSaved(job, next.step);
    await endsWell(t, job);
    t.is((await statusOf(namespace, 'toy')).restarts?.counted, 1);
  }),
);

/** Saves often, keeps many, and has nothing in memory to go on from. */
const saving = {
  ...{ workers, intervalSteps: 3 },
  checkpoint: { retain: { latest: 20 }, memory: { mode: 'None' } },
} as const;

/**
 * All pods are killed at once; what counts when nobody is left to save, and the round that it is
 * of.
 */
async function killAll(job: JobOfSeveral) {
  const { step } = job.told.last;
  await job.told.untilStep(step + 8);
  // Two of them: one is spoilt.
  await untilSaved(job, step + saving.intervalSteps);
  const pods = await job.pods();
  for (const { uid } of pods) signalPod(uid, 'SIGKILL');
  const gone = () => pods.every(({ uid }) => processIdsOf(uid).length === 0);
  await eventually('nothing of them runs', gone, { withinMs: 30_000 });
  const least = job.told.committedStep;
  const isTold = ({ checkpoint }: JobStatus) => (checkpoint?.latestStep ?? 0) >= least;
  const { checkpoint } = await until(job, 'the last commit is told', isTold);
  return { newest: checkpoint?.latestStep ?? 0, round: job.told.last.round };
}

test(
  'a checkpoint that is damaged is left for the one before by all ranks',
  release.turn(async (t, namespace) => {
    const job = await aJobOfSeveral(t, namespace, saving);
    for (const { what, spoil, words } of damages) {
      const { newest, round } = await killAll(job);
      spoil(join(job.told.checkpointsOf(round), `step-${String(newest).padStart(8, '0')}`));
      const next = await job.told.firstAfter(round);
      t.is(next.step, newest - 3 + 1, what);
      const aside = readdirSync(job.told.checkpointsOf(next.round));
      t.true(
        aside.some((name) => name.endsWith('.damaged')),
        `${what}: ${aside}`,
      );
      const logs = ['logs', '-l', 'anneal.dev/component=worker', '--tail=-1'];
      t.regex((await kubectl(['-n', namespace, ...logs])).stdout, words);
      t.log(`${what}: step ${newest} was saved, step ${next.step} was next`);
    }
    await endsWell(t, job);
  }),
);

test(
  'with no whole checkpoint left the job ends, and nobody begins anew',
  release.turn(async (t, namespace) => {
    const job = await aJobOfSeveral(t, namespace, saving);
    const { round } = await killAll(job);
    const place = job.told.checkpointsOf(round);
    const steps = readdirSync(place).filter((name) => /^step-\d+$/.test(name));
    for (const step of steps) truncateSync(join(place, step, 'shard-0.safetensors'), 10);
    await endsBadly(t, job, {
      ...{ code: 'E_CHECKPOINT_CORRUPTED', reason: 'CheckpointCorrupted', exitCode: 73 },
      words: /none of the [1-9]\d* checkpoints in \S+ is intact/,
    });
  }),
);

test(
  'numbers that stay not finite end the job',
  release.turn(async (t, namespace) => {
    const job = await aJobOfSeveral(t, namespace, {
      ...{ workers, maxSteps: 60, intervalSteps: 20, method: full },
      training: { learningRate: '1e30' },
    });
    const expected = { code: 'E_DIVERGED', reason: 'Diverged', exitCode: 74, words: /not finite/ };
    await endsBadly(t, job, expected);
  }),
);

test(
  'a trainer that the kernel kills for memory is counted, and the job goes on',
  release.turn(async (t, namespace) => {
    const worker = { resources: { requests: { memory: '2Gi' } } };
    const job = await aJobOfSeveral(t, namespace, { workers, intervalSteps: 3, worker });
    await untilSaved(job);
    const pods = await job.pods();
    const { uid } = await podOf(job, 1);
    const memory = memoryOfContainer(processIdsOf(uid, 'supervisor')[0] ?? 0);
    t.is(memory.limit, 2 * 2 ** 30);
    const { round } = job.told.last;
    {
      // Of its processes the trainer is the largest.
      using _ = await memory.take(memory.limit - memory.used() + 64 * 2 ** 20);
      // The next trainer would be killed as well, and then the supervisor.
      const soon = { withinMs: 30_000, everyMs: 5 };
      await eventually('something is killed', () => memory.kills() > 0, soon);
    }
    const next = await job.told.firstAfter(round);
    t.log(`killed ${memory.kills()} times; step ${next.step} was next`);
    const { restarts } = await until(job, 'counted', (now) => (now.restarts?.counted ?? 0) > 0);
    t.is(restarts?.lastCause, 'HostOutOfMemory');
    t.deepEqual(await job.pods(), pods, 'the pods stay');
    await endsWell(t, job);
  }),
);

test(
  'a memory in which no worker fits ends the job at the third time, and says how much one needs',
  release.turn(async (t, namespace) => {
    const worker = { resources: { requests: { memory: '112Mi' } } };
    const job = await aJobOfSeveral(t, namespace, { workers, intervalSteps: 3, worker });
    await endsBadly(t, job, {
      ...{ code: 'E_HOST_OUT_OF_MEMORY', reason: 'HostOutOfMemory', exitCode: 137 },
      words: /the memory limit is 112\.0 MiB; a worker needs 256\.0 MiB and more/,
    });
    t.is((await statusOf(namespace, 'toy')).restarts?.counted, 2, 'the third is the end');
  }),
);
