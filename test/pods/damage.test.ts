// What is written down is lost or spoiled under the workers of one job: a volume without room,
// checkpoints that are not whole any more, a bus that comes back empty. They go on from what is
// left, and where nothing is, the records say why.
import { readdirSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { rememberedIn } from '../../worker/supervisor/remembered.ts';
import { damages } from '../doubles/damaged-checkpoint.ts';
import { eventually } from '../doubles/eventually.ts';
import type { JobWorld } from '../doubles/job-world.ts';
import { emptyDisk, fillDisk } from '../doubles/small-disk.ts';
import { aWorld, beganAfter, endsWell, linesOf } from './a-world.ts';

/** Every weight is trained: a checkpoint is some megabytes. */
const full = { preset: 'Full', precision: { type: 'Float32' } };
const diskBytes = 160 * 2 ** 20;
/** Enough for records and lines, too little for a shard. */
const littleBytes = 300_000;

const hasLine = (world: JobWorld, words: RegExp) =>
  world.pods.some(({ lines }) => lines.some((line) => words.test(line)));

/** Step that model and state were put in place at, by whoever is the first of a round. */
const restoredAt = ({ pods }: JobWorld, since: number) =>
  pods
    .slice(since)
    .flatMap(({ lines }) => lines)
    .map((line) => /model and state are in place at step (\d+)/.exec(line)?.[1])
    .find((step) => step !== undefined);

test.serial('a volume without room costs checkpoints, and not what was trained', async (t) => {
  await using world = await aWorld(t, {
    ...{ workers: 2, method: full, diskBytes, training: { maxSteps: 60 } },
    checkpoint: { intervalSteps: 3, memory: { mode: 'LocalAndPeer', intervalSteps: 1 } },
  });
  const pods = await world.startAll(2);
  await world.until('a first checkpoint counts', ({ checkpoint }) => checkpoint !== undefined);
  await world.until('it is told', () => {
    // Again and again: a checkpoint that goes makes room for the next.
    fillDisk(world.folder, littleBytes);
    return hasLine(
      world,
      /the checkpoint of step \d+ was not written: \S+ is full; training continues/,
    );
  });
  const { checkpoint } = await world.state();
  await world.untilStep(world.step + 4);
  const before = world.step;
  t.true(pods[1]?.signalTrainer('SIGKILL'));
  await world.until('they train again', ({ round }) => round === 2 && beganAfter(pods, 2) >= 0);
  const from = beganAfter(pods, 2);
  t.true(from > (checkpoint?.step ?? 0), `it went on after step ${from}, not from memory`);
  t.log(`it went on after step ${from}; ${before} was done and told, ${checkpoint?.step} saved`);
  await world.untilStep(before + 4);
  emptyDisk(world.folder);
  await world.until('checkpoints count again', (state) => state.checkpoint?.round === 2);
  await endsWell(t, world, pods, 2);
  t.like((await world.state()).restarts, { counted: 1, disruptions: 0 });
});

test.serial('a result for which there is no room ends the job, and says so', async (t) => {
  // No checkpoint goes, which would make room for the result.
  await using world = await aWorld(t, {
    ...{ workers: 2, method: full, diskBytes, training: { maxSteps: 40 } },
    checkpoint: { intervalSteps: 3, retain: { latest: 20 } },
  });
  const pods = await world.startAll(2);
  await world.until('a first checkpoint counts', ({ checkpoint }) => checkpoint !== undefined);
  await world.until('it has ended', ({ result }) => {
    if (result === undefined) fillDisk(world.folder, littleBytes);
    return result !== undefined;
  });
  await endsBadly(t, world, { code: 'E_STORAGE_FULL', reason: 'StorageFull', exitCode: 69 });
  t.regex(
    failureOf(await world.state()),
    /^\S+ has no checkpoint of the result, step 40: the disk was full; the newest is of step \d+$/,
  );
  t.is(pods.length, 2);
});

/** All pods end: one with the code of the failure and its words, the others as planned. */
async function endsBadly(
  t: ExecutionContext,
  world: JobWorld,
  expected: { readonly code: string; readonly reason: string; readonly exitCode: number },
): Promise<void> {
  const workers = world.pods.filter(({ uid }) => uid.startsWith('w'));
  const codes = await Promise.all(workers.map(({ ended }) => ended));
  const { result } = await world.state();
  t.like(result, { type: 'Failed', ...expected }, linesOf(workers));
  const speaker = result?.type === 'Failed' ? result.index : undefined;
  t.deepEqual(
    codes,
    workers.map(({ index }) => (index === speaker ? expected.exitCode : 75)),
  );
  const words = workers.find(({ index }) => index === speaker)?.terminationMessage();
  t.like(words?.failure, { code: expected.code, reason: expected.reason });
  t.is(words?.failure?.message, failureOf(await world.state()));
}

const failureOf = ({ result }: Awaited<ReturnType<JobWorld['state']>>) =>
  result?.type === 'Failed' ? result.message : '';

/** Saves often, keeps many, and has nothing in memory to go on from. */
const saved = {
  ...{ workers: 2, training: { maxSteps: 40 } },
  checkpoint: { intervalSteps: 3, retain: { latest: 20 }, memory: { mode: 'None' } },
};

const checkpointsOf = (world: JobWorld, round: number) =>
  join(world.runFolder, `round-${round}/checkpoints`);

test.serial('a checkpoint that is damaged is left for the one before by all ranks', async (t) => {
  await using world = await aWorld(t, saved);
  let pods = await world.startAll(2);
  for (const [turn, { what, spoil, words }] of damages.entries()) {
    const steps = 10 + 12 * turn;
    await world.until(
      'checkpoints are there',
      ({ checkpoint, round }) => checkpoint?.round === round && checkpoint.step >= steps,
    );
    for (const pod of pods) pod.signalAll('SIGKILL');
    await Promise.all(pods.map(({ ended }) => ended));
    const { round, checkpoint } = await world.state();
    const newest = checkpoint?.step ?? 0;
    const known = checkpointsOf(world, round);
    spoil(join(known, `step-${String(newest).padStart(8, '0')}`));
    await world.open('PodLost');
    const since = world.pods.length;
    pods = await world.startAll(2);
    await world.until('they train again', () => restoredAt(world, since) !== undefined);
    t.is(Number(restoredAt(world, since)), newest - 3, what);
    t.true(hasLine(world, words), `${what}\n${linesOf(pods)}`);
    const aside = readdirSync(checkpointsOf(world, round + 1));
    t.true(
      aside.some((name) => name.endsWith('.damaged')),
      `${what}: ${aside}`,
    );
  }
  await endsWell(t, world, pods, 2);
});

test.serial('with no whole checkpoint left the job ends, and nobody begins anew', async (t) => {
  await using world = await aWorld(t, saved);
  const pods = await world.startAll(2);
  await world.until('checkpoints are there', ({ checkpoint }) => (checkpoint?.step ?? 0) >= 9);
  for (const pod of pods) pod.signalAll('SIGKILL');
  await Promise.all(pods.map(({ ended }) => ended));
  const place = checkpointsOf(world, 1);
  const steps = readdirSync(place).filter((name) => /^step-\d+$/.test(name));
  for (const step of steps) truncateSync(join(place, step, 'shard-0.safetensors'), 10);
  await world.open('PodLost');
  await Promise.all([world.start(0), world.start(1)]);
  await world.until('it has ended', ({ result }) => result !== undefined);
  world.pods.splice(0, world.pods.length, ...world.pods.slice(-2));
  await endsBadly(t, world, {
    ...{ code: 'E_CHECKPOINT_CORRUPTED', reason: 'CheckpointCorrupted', exitCode: 73 },
  });
  t.regex(failureOf(await world.state()), /^none of the [1-9]\d* checkpoints in \S+ is intact$/);
});

test.serial('numbers that stay not finite end the job for all ranks', async (t) => {
  await using world = await aWorld(t, {
    ...{ workers: 2, method: full },
    training: { maxSteps: 60, learningRate: '1e30', schedule: { type: 'Constant' } },
  });
  await world.startAll(2);
  await endsBadly(t, world, { code: 'E_DIVERGED', reason: 'Diverged', exitCode: 74 });
  t.regex(failureOf(await world.state()), /not finite/);
  t.true(hasLine(world, /the step was skipped \(5 of 5 in a row\)/));
});

test.serial('a bus that comes back empty costs a round, whatever status remembers', async (t) => {
  await using world = await aWorld(t, { ...saved, training: { maxSteps: 90 } });
  const pods = await world.startAll(2);
  const wipe = async (known: Awaited<ReturnType<JobWorld['state']>>) => {
    await world.server.kill();
    await world.server.wipe();
    await world.untilStep(world.step + 5);
    await world.server.start();
    await world.arrangeAgain(known);
  };
  await world.until('it is saved', ({ checkpoint }) => (checkpoint?.step ?? 0) >= 9);
  const first = await world.state();
  await wipe(first);
  // A trainer is there to be killed.
  await world.until(
    'the next commits',
    ({ round, checkpoint }) => round > 1 && checkpoint?.round === round,
  );
  const second = await world.state();
  t.true((second.checkpoint?.step ?? 0) >= (first.checkpoint?.step ?? 0), 'steps were lost');
  // Now status is of long ago: the operator was away while these rounds trained.
  t.true(pods[0]?.signalTrainer('SIGKILL'), `no trainer was there\n${linesOf(pods)}`);
  await world.until(
    'the next commits',
    (state) => state.round > second.round && state.checkpoint?.round === state.round,
  );
  const third = await world.state();
  // What counts on the bus is noted on the volume a moment later.
  await eventually('the volume knows it', async () => {
    const { mark } = await rememberedIn({ folder: world.runFolder, checkpoints: undefined });
    return mark?.head.round === third.round && mark.head.step >= (third.checkpoint?.step ?? 0);
  });
  await wipe(first);
  await world.until('they go on', (state) => state.world !== undefined);
  const fourth = await world.state();
  t.true(fourth.round > third.round, `${fourth.round} after ${third.round}`);
  t.true((fourth.checkpoint?.step ?? 0) >= (third.checkpoint?.step ?? 0), 'steps were lost');
  t.is(fourth.restarts.counted, 1, 'the restart that only the bus knew was forgotten');
  // Who caught up says so after the others may have agreed already.
  const words = /the bus has forgotten what was agreed on/;
  await eventually('it is said that the bus has forgotten', () => hasLine(world, words));
  await endsWell(t, world, pods, 2);
});
