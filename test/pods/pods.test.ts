// The workers of one job as pods that rendezvous over a bus: whatever is killed, frozen or asked to
// go, the end has the bits that `anneal run --workers N` makes of the same file, and the records
// say what happened. Real supervisors, trainers and files.
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { aWorld, beganAfter, endsWell, inMemory, linesOf } from './a-world.ts';

/** Its ranks and its beginning follow from the data, and are recorded once. */
const eva = { preset: 'EVA', adapter: { type: 'EVA', eva: { rank: 4, rho: '2' } } };
/** What trains follows from the step and the length of the run. */
const lamda = {
  preset: 'LaMDA',
  adapter: { type: 'LaMDA', lamda: { rank: 8, freezeFraction: '0.9' } },
};

test.serial('two pods train one model, and end with the bits of two local workers', async (t) => {
  await using world = await aWorld(t, { workers: 2 });
  const pods = await world.startAll(2);
  await endsWell(t, world, pods, 2);
  t.like(await world.state(), {
    round: 1,
    world: { size: 2 },
    restarts: { counted: 0, disruptions: 0 },
  });
});

test.serial('what was prepared for the same request is found, and not made again', async (t) => {
  await using world = await aWorld(t, { workers: 1 });
  await world.stage('prepare');
  const [first, again] = world.pods;
  t.deepEqual(again?.terminationMessage(), first?.terminationMessage());
  const found = 'model and data were put in place before, and are there';
  t.false(first?.lines.some((line) => line.includes(found)));
  t.true(
    again?.lines.some((line) => line.includes(found)),
    again?.lines.join('\n'),
  );
});

test.serial('trainers that are killed rendezvous again in their pods', async (t) => {
  const training = { maxSteps: 60 };
  await using world = await aWorld(t, { workers: 2, training, method: eva });
  const pods = await world.startAll(2);
  for (const [turn, index] of [1, 0, 1].entries()) {
    await world.until('the world trains', ({ world: formed }) => formed !== undefined);
    await world.untilStep(8 + 12 * turn);
    t.true(pods[index]?.signalTrainer('SIGKILL'));
    await world.until('it is noticed', ({ round }) => round === turn + 2);
    t.like((await world.state()).opened, { cause: 'ProcessFailed', by: `toy-${pods[index]?.uid}` });
  }
  await endsWell(t, world, pods, 2);
  const { restarts } = await world.state();
  t.like(restarts, { counted: 3, disruptions: 0, sinceCommit: 0 });
  t.log(`from the last kill to its next step: ${restarts.lastRecoverySeconds} s`);
});

test.serial(
  'killed trainers go on from the copies in their pods, after the step before',
  async (t) => {
    await using world = await aWorld(t, inMemory('Local'));
    const pods = await world.startAll(2);
    for (const [turn, index] of [1, 0].entries()) {
      await world.untilStep(10 + 15 * turn);
      const before = world.step;
      t.true(pods[index]?.signalTrainer('SIGKILL'));
      await world.until(
        'they train again',
        ({ round }) => round === turn + 2 && beganAfter(pods, round) >= 0,
      );
      const from = beganAfter(pods, turn + 2);
      t.true(from >= before - 1, `it went on after step ${from}; ${before} was done and told`);
      t.is((await world.state()).checkpoint, undefined, 'nothing else was there to go on from');
    }
    await endsWell(t, world, pods, 2);
  },
);

test.serial('a new pod gets its part from the one that kept it', async (t) => {
  await using world = await aWorld(t, inMemory('LocalAndPeer'));
  const pods = [...(await world.startAll(2))];
  for (const [turn, index] of [0, 1].entries()) {
    await world.untilStep(10 + 15 * turn);
    const before = world.step;
    pods[index]?.signalAll('SIGKILL');
    await world.open('PodLost');
    pods[index] = await world.start(index);
    await world.until(
      'they train again',
      ({ round }) => round === turn + 2 && beganAfter(pods, round) >= 0,
    );
    const from = beganAfter(pods, turn + 2);
    // A copy waits until the one before it is at the other pod: how long that takes is the
    // machine's.
    t.true(from > 0, `it went on after step ${from}; ${before} was done and told`);
    t.log(`it went on after step ${from}; ${before} was done and told`);
    t.is((await world.state()).checkpoint, undefined, 'nothing else was there to go on from');
  }
  await endsWell(t, world, pods, 2);
});

test.serial('a pod that is gone is replaced, and the other one stays', async (t) => {
  await using world = await aWorld(t, { method: lamda, workers: 2, training: { maxSteps: 60 } });
  const pods = [...(await world.startAll(2))];
  for (const [turn, index] of [0, 1].entries()) {
    await world.untilStep(8 + 12 * turn);
    pods[index]?.signalAll('SIGKILL');
    await world.open('PodLost');
    pods[index] = await world.start(index);
    await world.until(
      'they rendezvous',
      (state) => state.round === turn + 2 && state.world?.size === 2,
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
  await world.until('it is noticed', ({ round }) => round === 2);
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
  t.like(left, { round: 2, opened: { cause: 'Disruption' }, restarts: { disruptions: 1 } });
  const { step = 0 } = left.checkpoint ?? {};
  t.true(step >= 10, `the step that all stopped after was not committed, but ${step}`);
  const third = await world.start(1);
  await endsWell(t, world, first === undefined ? [] : [first, third], 2);
  t.true(
    first?.lines.some((line) => line.includes(`round 2 goes on after step ${step}`)),
    'the next world goes on at that very step',
  );
});

test.serial('a trainer that stands still is found, named and replaced', async (t) => {
  await using world = await aWorld(t, { workers: 2, failurePolicy: { hangTimeoutSeconds: 10 } });
  const pods = await world.startAll(2);
  await world.untilStep(6);
  pods[1]?.signalTrainer('SIGSTOP');
  await world.until('it is noticed', ({ round }) => round === 2);
  t.like((await world.state()).opened, { cause: 'Hang', by: `toy-${pods[1]?.uid}` });
  await endsWell(t, world, pods, 2);
  t.true(
    pods[0]?.lines.some((line) => line.includes('rank 1 did not answer')),
    linesOf(pods),
  );
});

test.serial('a pod that was frozen wakes up in a later world and spoils nothing', async (t) => {
  await using world = await aWorld(t, { workers: 2, failurePolicy: { hangTimeoutSeconds: 10 } });
  const [first, second] = await world.startAll(2);
  await world.untilStep(6);
  second?.signalAll('SIGSTOP');
  await world.open('PodLost');
  const third = await world.start(1);
  await world.until('the next world commits', ({ checkpoint }) => checkpoint?.round === 2);
  second?.signalAll('SIGCONT');
  t.is(await second?.ended, 75, linesOf(second === undefined ? [] : [second]));
  await endsWell(t, world, first === undefined ? [] : [first, third], 2);
});

/** ANNEAL_KILLS=100 is the long form of the last test. */
const kills = Number(process.env['ANNEAL_KILLS'] ?? 5);
const seed = Number(process.env['ANNEAL_TEST_SEED'] ?? fc.sample(fc.noBias(fc.nat()), 1)[0]);

test.serial(
  `${kills} kills at random moments, of trainers and of whole pods, lose nothing`,
  async (t) => {
    const workers = 3;
    await using world = await aWorld(t, {
      ...{ workers, training: { maxSteps: 20 + 8 * kills } },
      // More than a window remembers: counted over the whole life.
      failurePolicy: { maxRestarts: 10_000, restartWindowSeconds: 0 },
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
      let round = 0;
      // A job whose restarts lead to nothing is ended: each kill comes after a commit.
      await world.until('this world commits', (state) => {
        round = state.round;
        return state.result !== undefined || state.checkpoint?.round === round;
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
        (state) => state.result !== undefined || state.round > round,
      );
    }
    await endsWell(t, world, pods, workers);
    const { restarts, round } = await world.state();
    t.log(`${JSON.stringify(lost)}, ${round} rounds`);
    t.true(lost.pods + lost.trainers >= 0.8 * kills, 'most kills were too late');
    t.is(restarts.disruptions, lost.pods);
  },
);
