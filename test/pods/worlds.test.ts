// Worlds that change while they train: suspended, of another number of workers, without the bus,
// with a pod that is silent or slow. Real supervisors, trainers and files, as in pods.test.ts.
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { eventually } from '../doubles/eventually.ts';
import type { Pod } from '../doubles/job-pods.ts';
import type { JobWorld } from '../doubles/job-world.ts';
import { aWorld, beganAfter, endsWell, inMemory, linesOf, onThisMachine } from './a-world.ts';

test.serial('a job is suspended with one save, and goes on at that step', async (t) => {
  await using world = await aWorld(t, {
    ...{ workers: 2, training: { maxSteps: 60 }, checkpoint: { intervalSteps: 1000 } },
  });
  const before = await world.startAll(2);
  await world.untilStep(10);
  const checkpoint = await suspended(t, world, before);
  t.is((await world.state()).round, 1, 'nobody is to take their place');
  await world.want({ stop: 'None', workerRevision: 2 });
  await world.open('Start', 2);
  const after = await world.startAll(2, 2);
  await endsWell(t, world, after, 2);
  t.true(after[0]?.lines.some((line) => line.includes(`goes on after step ${checkpoint?.step}`)));
});

/** All save at one step, which is then the checkpoint, and end when they are told to. */
async function suspended(t: ExecutionContext, world: JobWorld, pods: readonly Pod[]) {
  await world.want({ stop: 'Save' });
  const steps = () =>
    Promise.all(pods.map(async (_, index) => (await world.ack(1, index))?.stoppedStep));
  await world.until('all have stopped', async () => !(await steps()).includes(undefined));
  const { checkpoint } = await world.state();
  t.deepEqual(
    await steps(),
    pods.map(() => checkpoint?.step),
  );
  for (const pod of pods) pod.signal('SIGTERM');
  t.deepEqual(
    await Promise.all(pods.map(({ ended }) => ended)),
    pods.map(() => 75),
    linesOf(pods),
  );
  return checkpoint;
}

test.serial('the number of workers changes both ways while they train', async (t) => {
  await using world = await aWorld(t, { workers: 2, training: { maxSteps: 90 } });
  const [first, second] = await world.startAll(2);
  await world.untilStep(8);
  const third = await world.start(2);
  await world.want({ workers: 3, min: 1, max: 3 });
  await world.open('Resize');
  await world.until('three train', ({ world: formed }) => formed?.size === 3);
  await world.until('and commit', ({ checkpoint }) => checkpoint?.round === 2);
  await world.want({ workers: 1 });
  await world.open('Resize');
  await world.until('one trains', ({ world: formed }) => formed?.size === 1);
  for (const pod of [second, third]) pod?.signal('SIGTERM');
  t.deepEqual(await Promise.all([second?.ended, third?.ended]), [75, 75]);
  t.is(await first?.ended, 0, linesOf(first === undefined ? [] : [first]));
  t.like(await world.state(), { round: 3, result: { type: 'Succeeded', step: 90 } });
});

/**
 * Loss of each step that pods told of, to four places; of the last time where it was done again.
 */
const lossesTold = (pods: readonly Pod[]) =>
  new Map(
    pods
      .flatMap(({ lines }) => lines)
      .flatMap((line) => {
        const [, step, loss] = /step (\d+) of \d+: loss ([\d.]+)/.exec(line) ?? [];
        return step === undefined ? [] : [[Number(step), Number(loss)] as const];
      }),
  );

test.serial('worlds of other sizes go on from the copies of the one before', async (t) => {
  await using world = await aWorld(t, { ...inMemory('LocalAndPeer'), workers: 3 });
  const pods = [...(await world.startAll(3))];
  await world.untilStep(10);
  pods[2]?.signalAll('SIGKILL');
  await world.want({ workers: 2, min: 1, max: 3 });
  await world.open('PodLost');
  await world.until('two train', ({ world: formed }) => formed?.size === 2);
  await world.until('from memory', () => beganAfter(pods, 2) > 0);
  t.log(`two go on after step ${beganAfter(pods, 2)} of three; step ${world.step} was told`);
  await world.untilStep(beganAfter(pods, 2) + 10);
  pods[2] = await world.start(2);
  await world.want({ workers: 3 });
  await world.open('Resize');
  await world.until('three train', ({ world: formed }) => formed?.size === 3);
  await world.until('from memory', () => beganAfter(pods, 3) > beganAfter(pods, 2));
  t.is((await world.state()).checkpoint, undefined, 'nothing else was there to go on from');
  t.deepEqual(await Promise.all(pods.map(({ ended }) => ended)), [0, 0, 0], linesOf(pods));
  const here = new Map<number, number>();
  await onThisMachine(t, world, 3, { losses: here });
  const told = lossesTold(world.pods);
  t.true(told.size >= 55, 'steps were told');
  const apart = [...told].map(([step, loss]) => Math.abs(loss - (here.get(step) ?? Number.NaN)));
  t.log(`losses are at most ${Math.max(...apart)} apart from those of three local workers`);
  // Half of the last place that is told, and as much again for sums in another order.
  t.true(Math.max(...apart) <= 1e-4);
});

test.serial('without the bus they train on; a trainer that dies waits for it', async (t) => {
  await using world = await aWorld(t, { workers: 2, training: { maxSteps: 120 } });
  const pods = await world.startAll(2);
  await world.until('a first checkpoint counts', ({ checkpoint }) => checkpoint !== undefined);
  await world.server.kill();
  await world.untilStep(world.step + 15);
  t.true(pods[1]?.signalTrainer('SIGKILL'));
  await setTimeout(3000);
  await world.server.start();
  await world.until('it is mended', ({ round }) => round === 2);
  await endsWell(t, world, pods, 2);
  t.like((await world.state()).restarts, { counted: 1 });
});

test.serial('of three, a pod that nobody hears any more is given up in time', async (t) => {
  await using world = await aWorld(t, { workers: 3, training: { maxSteps: 60 } });
  const pods = await world.startAll(3);
  await world.untilStep(6);
  pods[2]?.signalAll('SIGSTOP');
  const began = Date.now();
  await world.until('it is noticed', ({ round }) => round === 2);
  const seconds = (Date.now() - began) / 1000;
  t.true(seconds < 30, `it took ${seconds} s, and hangTimeoutSeconds is 600`);
  t.like((await world.state()).opened, { cause: 'MemberUnreachable' });
  pods[2]?.signalAll('SIGCONT');
  await endsWell(t, world, pods, 3);
});

test.serial('a pod that makes the other wait is named, until it is quick again', async (t) => {
  // More steps than any machine takes before a heartbeat has told of quick ones: stopped then.
  await using world = await aWorld(t, {
    ...{ workers: 2, training: { maxSteps: 1_000_000 }, checkpoint: { intervalSteps: 100_000 } },
  });
  const pods = await world.startAll(2);
  await world.untilStep(6);
  const slowed = new AbortController();
  const slowing = slowDown(pods[1], slowed.signal);
  const told = (words: RegExp) => pods[0]?.lines.some((line) => words.test(line)) ?? false;
  await eventually('it is named', () => told(/worker 1 on node .* takes [\d.]+ times as long/), {
    withinMs: 300_000,
  });
  slowed.abort();
  await slowing;
  await eventually('it is quick again', () => told(/no worker is much slower/), {
    withinMs: 300_000,
  });
  t.is((await world.state()).round, 1, 'nothing was done about it');
  await suspended(t, world, pods);
});

/**
 * Lets its trainer work for a tenth of the time: less than it would get on a machine that does much
 * else.
 */
async function slowDown(pod: Pod | undefined, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    pod?.signalTrainer('SIGSTOP');
    await setTimeout(270);
    pod?.signalTrainer('SIGCONT');
    await setTimeout(30);
  }
}
