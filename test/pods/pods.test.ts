// The workers of one job as pods that meet over a bus: whatever is killed, frozen, asked to go or wanted in another number, the end has the
// bits that `anneal run --workers N` makes of the same file, and the records say what happened. Real supervisors, trainers and files.
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { eventually } from '../doubles/eventually.ts';
import type { Pod } from '../doubles/job-pods.ts';
import { aWorld, beganAfter, endsWell, linesOf, onThisMachine } from './a-world.ts';

test.serial('two pods train one model, and end with the bits of two local workers', async (t) => {
  await using world = await aWorld(t, { workers: 2 });
  const pods = await world.startAll(2);
  await endsWell(t, world, pods, 2);
  t.like(await world.state(), {
    generation: 1,
    world: { size: 2 },
    restarts: { counted: 0, disruptions: 0 },
  });
});

test.serial('trainers that are killed meet again in their pods', async (t) => {
  await using world = await aWorld(t, { workers: 2, training: { maxSteps: 60 } });
  const pods = await world.startAll(2);
  for (const [round, index] of [1, 0, 1].entries()) {
    await world.until('the world trains', ({ world: formed }) => formed !== undefined);
    await world.untilStep(8 + 12 * round);
    t.true(pods[index]?.signalTrainer('SIGKILL'));
    await world.until('it is noticed', ({ generation }) => generation === round + 2);
    t.like((await world.state()).opened, { cause: 'ProcessFailed', by: `toy-${pods[index]?.uid}` });
  }
  await endsWell(t, world, pods, 2);
  const { restarts } = await world.state();
  t.like(restarts, { counted: 3, disruptions: 0, sinceCommit: 0 });
  t.log(`from the last kill to its next step: ${restarts.lastRecoverySeconds} s`);
});

/** No checkpoint on the way, and copies as often as they can be made. */
const inMemory = (mode: 'Local' | 'LocalAndPeer') => ({
  ...{ workers: 2, training: { maxSteps: 60 } },
  checkpoint: { intervalSteps: 1000, memory: { mode, intervalSteps: 1 } },
});

test.serial(
  'killed trainers go on from the copies in their pods, after the step before',
  async (t) => {
    await using world = await aWorld(t, inMemory('Local'));
    const pods = await world.startAll(2);
    for (const [round, index] of [1, 0].entries()) {
      await world.untilStep(10 + 15 * round);
      const before = world.step;
      t.true(pods[index]?.signalTrainer('SIGKILL'));
      await world.until(
        'they train again',
        ({ generation }) => generation === round + 2 && beganAfter(pods, generation) >= 0,
      );
      const from = beganAfter(pods, round + 2);
      t.true(from >= before - 1, `it went on after step ${from}; ${before} was done and told`);
      t.is((await world.state()).checkpoint, undefined, 'nothing else was there to go on from');
    }
    await endsWell(t, world, pods, 2);
  },
);

test.serial('a new pod gets its part from the one that kept it', async (t) => {
  await using world = await aWorld(t, inMemory('LocalAndPeer'));
  const pods = [...(await world.startAll(2))];
  for (const [round, index] of [0, 1].entries()) {
    await world.untilStep(10 + 15 * round);
    const before = world.step;
    pods[index]?.signalAll('SIGKILL');
    await world.open('PodLost');
    pods[index] = await world.start(index);
    await world.until(
      'they train again',
      ({ generation }) => generation === round + 2 && beganAfter(pods, generation) >= 0,
    );
    const from = beganAfter(pods, round + 2);
    // A copy waits until the one before it is at the other pod: how long that takes is the machine's.
    t.true(from > 0, `it went on after step ${from}; ${before} was done and told`);
    t.log(`it went on after step ${from}; ${before} was done and told`);
    t.is((await world.state()).checkpoint, undefined, 'nothing else was there to go on from');
  }
  await endsWell(t, world, pods, 2);
});

test.serial('a pod that is gone is replaced, and the other one stays', async (t) => {
  await using world = await aWorld(t, { workers: 2, training: { maxSteps: 60 } });
  const pods = [...(await world.startAll(2))];
  for (const [round, index] of [0, 1].entries()) {
    await world.untilStep(8 + 12 * round);
    pods[index]?.signalAll('SIGKILL');
    await world.open('PodLost');
    pods[index] = await world.start(index);
    await world.until(
      'they meet',
      (state) => state.generation === round + 2 && state.world?.size === 2,
    );
  }
  await endsWell(t, world, pods, 2);
  t.like((await world.state()).restarts, { counted: 0, disruptions: 2 });
});

test.serial('nobody tells that a pod is gone: the survivor opens the next world', async (t) => {
  await using world = await aWorld(t, { workers: 2 });
  const [first, second] = await world.startAll(2);
  await world.untilStep(6);
  second?.signalAll('SIGKILL');
  await world.until('it is noticed', ({ generation }) => generation === 2);
  t.like((await world.state()).opened, { cause: 'MemberUnreachable', by: `toy-${first?.uid}` });
  const third = await world.start(1);
  await endsWell(t, world, first === undefined ? [] : [first, third], 2);
});

test.serial('one pod that is asked to go saves with the others, and nothing is lost', async (t) => {
  await using world = await aWorld(t, {
    ...{ workers: 2, training: { maxSteps: 60 }, checkpoint: { intervalSteps: 1000 } },
  });
  const [first, second] = await world.startAll(2);
  await world.untilStep(10);
  second?.signal('SIGTERM');
  t.is(await second?.ended, 75);
  const left = await world.state();
  t.like(left, { generation: 2, opened: { cause: 'Disruption' }, restarts: { disruptions: 1 } });
  const { step = 0 } = left.checkpoint ?? {};
  t.true(step >= 10, `the step that all stopped after was not committed, but ${step}`);
  const third = await world.start(1);
  await endsWell(t, world, first === undefined ? [] : [first, third], 2);
  t.true(
    first?.lines.some((line) => line.includes(`generation 2 goes on after step ${step}`)),
    'the next world goes on at that very step',
  );
});

test.serial('a trainer that stands still is found, named and replaced', async (t) => {
  await using world = await aWorld(t, { workers: 2, failurePolicy: { hangTimeoutSeconds: 10 } });
  const pods = await world.startAll(2);
  await world.untilStep(6);
  pods[1]?.signalTrainer('SIGSTOP');
  await world.until('it is noticed', ({ generation }) => generation === 2);
  t.like((await world.state()).opened, { cause: 'Hang', by: `toy-${pods[1]?.uid}` });
  t.true(
    pods[0]?.lines.some((line) => line.includes('rank 1 did not answer')),
    linesOf(pods),
  );
  await endsWell(t, world, pods, 2);
});

test.serial('a pod that was frozen wakes up in a later world and spoils nothing', async (t) => {
  await using world = await aWorld(t, { workers: 2, failurePolicy: { hangTimeoutSeconds: 10 } });
  const [first, second] = await world.startAll(2);
  await world.untilStep(6);
  second?.signalAll('SIGSTOP');
  await world.open('PodLost');
  const third = await world.start(1);
  await world.until('the next world commits', ({ checkpoint }) => checkpoint?.generation === 2);
  second?.signalAll('SIGCONT');
  t.is(await second?.ended, 75, linesOf(second === undefined ? [] : [second]));
  await endsWell(t, world, first === undefined ? [] : [first, third], 2);
});

test.serial('a job is suspended with one save, and goes on at that step', async (t) => {
  await using world = await aWorld(t, {
    ...{ workers: 2, training: { maxSteps: 60 }, checkpoint: { intervalSteps: 1000 } },
  });
  const before = await world.startAll(2);
  await world.untilStep(10);
  await world.want({ stop: 'Save' });
  const stopped = async (index: number) => (await world.ack(1, index))?.stoppedStep;
  await world.until(
    'all have stopped',
    async () => (await stopped(0)) !== undefined && (await stopped(1)) !== undefined,
  );
  const { checkpoint } = await world.state();
  t.deepEqual([await stopped(0), await stopped(1)], [checkpoint?.step, checkpoint?.step]);
  for (const pod of before) pod.signal('SIGTERM');
  t.deepEqual(await Promise.all(before.map(({ ended }) => ended)), [75, 75]);
  t.is((await world.state()).generation, 1, 'nobody is to take their place');
  await world.want({ stop: 'None', epoch: 2 });
  await world.open('Start', 2);
  const after = await world.startAll(2, 2);
  await endsWell(t, world, after, 2);
  t.true(after[0]?.lines.some((line) => line.includes(`goes on after step ${checkpoint?.step}`)));
});

test.serial('the number of workers changes both ways while they train', async (t) => {
  await using world = await aWorld(t, { workers: 2, training: { maxSteps: 90 } });
  const [first, second] = await world.startAll(2);
  await world.untilStep(8);
  const third = await world.start(2);
  await world.want({ workers: 3, min: 1, max: 3 });
  await world.open('Resize');
  await world.until('three train', ({ world: formed }) => formed?.size === 3);
  await world.until('and commit', ({ checkpoint }) => checkpoint?.generation === 2);
  await world.want({ workers: 1 });
  await world.open('Resize');
  await world.until('one trains', ({ world: formed }) => formed?.size === 1);
  for (const pod of [second, third]) pod?.signal('SIGTERM');
  t.deepEqual(await Promise.all([second?.ended, third?.ended]), [75, 75]);
  t.is(await first?.ended, 0, linesOf(first === undefined ? [] : [first]));
  t.like(await world.state(), { generation: 3, result: { type: 'Succeeded', step: 90 } });
});

/** Loss of each step that pods told of, to four places; of the last time where it was done again. */
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
  await onThisMachine(t, world, 3, here);
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
  await world.until('it is mended', ({ generation }) => generation === 2);
  await endsWell(t, world, pods, 2);
  t.like((await world.state()).restarts, { counted: 1 });
});

test.serial('of three, a pod that nobody hears any more is given up in time', async (t) => {
  await using world = await aWorld(t, { workers: 3, training: { maxSteps: 60 } });
  const pods = await world.startAll(3);
  await world.untilStep(6);
  pods[2]?.signalAll('SIGSTOP');
  const began = Date.now();
  await world.until('it is noticed', ({ generation }) => generation === 2);
  const seconds = (Date.now() - began) / 1000;
  t.true(seconds < 30, `it took ${seconds} s, and hangTimeoutSeconds is 600`);
  t.like((await world.state()).opened, { cause: 'MemberUnreachable' });
  pods[2]?.signalAll('SIGCONT');
  await endsWell(t, world, pods, 3);
});

test.serial('a pod that makes the other wait is named, until it is quick again', async (t) => {
  await using world = await aWorld(t, { workers: 2, training: { maxSteps: 500 } });
  const pods = await world.startAll(2);
  await world.untilStep(6);
  const slowed = new AbortController();
  const slowing = slowDown(pods[1], slowed.signal);
  const told = (words: RegExp) => pods[0]?.lines.some((line) => words.test(line)) ?? false;
  await eventually('it is named', () => told(/worker 1 on node .* takes [\d.]+ times as long/));
  slowed.abort();
  await slowing;
  await eventually('it is quick again', () => told(/no worker is much slower/), {
    withinMs: 300_000,
  });
  t.is((await world.state()).generation, 1, 'nothing was done about it');
  await endsWell(t, world, pods, 2);
});

/** Lets its trainer work for a quarter of the time. */
async function slowDown(pod: Pod | undefined, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    pod?.signalTrainer('SIGSTOP');
    await setTimeout(60);
    pod?.signalTrainer('SIGCONT');
    await setTimeout(20);
  }
}

/** ANNEAL_KILLS=100 is the long form of the last test. */
const kills = Number(process.env['ANNEAL_KILLS'] ?? 5);
const seed = Number(process.env['ANNEAL_TEST_SEED'] ?? fc.sample(fc.noBias(fc.nat()), 1)[0]);

test.serial(
  `${kills} kills at random moments, of trainers and of whole pods, lose nothing`,
  async (t) => {
    const workers = 3;
    await using world = await aWorld(t, {
      ...{ workers, training: { maxSteps: 20 + 8 * kills } },
      failurePolicy: { maxRestarts: 10_000 },
    });
    t.timeout(600_000 + kills * 60_000);
    t.log(`ANNEAL_TEST_SEED=${seed} ANNEAL_KILLS=${kills}`);
    const kill = fc.record({
      index: fc.nat(workers - 1),
      ms: fc.integer({ min: 0, max: 400 }),
      isPod: fc.boolean(),
    });
    const chosen = fc.sample(fc.noBias(kill), { seed, numRuns: kills });
    const pods = [...(await world.startAll(workers))];
    const lost = { trainers: 0, pods: 0 };
    for (const { index, ms, isPod } of chosen) {
      let generation = 0;
      // A job whose restarts lead to nothing is ended: each kill comes after a commit.
      await world.until('this world commits', (state) => {
        generation = state.generation;
        return state.result !== undefined || state.checkpoint?.generation === generation;
      });
      await setTimeout(ms);
      if ((await world.state()).result !== undefined) break;
      if (isPod) {
        pods[index]?.signalAll('SIGKILL');
        await world.open('PodLost');
        pods[index] = await world.start(index);
      } else if (!(pods[index]?.signalTrainer('SIGKILL') ?? false)) continue;
      lost[isPod ? 'pods' : 'trainers'] += 1;
      await world.until(
        'the next world is formed',
        (state) => state.result !== undefined || state.generation > generation,
      );
    }
    await endsWell(t, world, pods, workers);
    const { restarts, generation } = await world.state();
    t.log(`${JSON.stringify(lost)}, ${generation} generations`);
    t.true(lost.pods + lost.trainers >= 0.8 * kills, 'most kills were too late');
    t.is(restarts.disruptions, lost.pods);
  },
);
