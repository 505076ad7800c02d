// Operator, supervisors, trainers and their store in virtual time. The same schedules are drawn at
// every run; test/wire/simulation.test.ts draws more of them.
import test from 'ava';
import fc from 'fast-check';
import { holdsInAll, surviveAll } from '../../doubles/simulation/draws.ts';
import { type SimulationEvent, simulationEvent } from '../../doubles/simulation/events.ts';
import { Scene } from '../../doubles/simulation/scene.ts';
import { totalSteps } from '../../doubles/simulation/trainers.ts';

/** A tenth of a second each. */
const schedules = 30;

test('workers that nothing happens to train to the end in one round', async (t) => {
  const scene = new Scene();
  await scene.calm();
  t.is(scene.world.phase, 'Succeeded');
  const [job] = scene.world.bus?.jobs() ?? [];
  const state = job === undefined ? undefined : scene.world.bus?.of(job).state;
  t.like(state, { round: 1, world: { size: 3 }, result: { step: totalSteps } });
  scene.holdOfFiles();
});

test('whatever happens to workers, operator and bus: nothing is lost, and the job comes to its end', async (t) => {
  const { fromCopies } = await surviveAll({ numRuns: schedules, seed: 11 });
  t.true(fromCopies > 0, 'no world went on from copies in memory');
});

test('a step to the next revision of which the bus does not hear at once is charged once', async (t) => {
  const scene = new Scene();
  await scene.pass(12);
  // A device that fails twice in a row has its node avoided, which takes pods of another revision.
  const faulty = { type: 'killPod', who: 1, code: 71 } as const;
  await scene.happen(faulty);
  await scene.pass(5);
  await scene.happen({ type: 'loseOperatorWrites', count: 1, takeEffect: false });
  await scene.happen(faulty);
  await scene.pass(5);
  await scene.calm();
  t.notThrows(() => scene.account.holds());
  t.is(scene.end, 'Succeeded');
  const [job] = scene.world.bus?.jobs() ?? [];
  const state = job === undefined ? undefined : scene.world.bus?.of(job).state;
  t.like(state, { workerRevision: 2, restarts: { counted: 2 } });
});

/** None of the workers hears of the fourth that came: their world trains on beside the next. */
const outdated = fc
  .tuple(fc.array(simulationEvent, { maxLength: 4 }), fc.integer({ min: 10, max: 20 }))
  .map(([before, seconds]): readonly SimulationEvent[] => [
    ...before,
    ...[0, 1, 2].map((who) => ({ type: 'blind', who }) as const),
    { type: 'scale', replicas: 4 },
    { type: 'pass', seconds },
  ]);

test('without the fence, workers that were replaced spoil the job', async (t) => {
  const spoiled = async (
    events: readonly SimulationEvent[],
    isFenced: boolean,
  ): Promise<boolean> => {
    const scene = new Scene();
    scene.supervisors.isFenced = isFenced;
    await scene.pass(12);
    try {
      for (const each of events) {
        await scene.happen(each);
        scene.holdOfFiles();
      }
      return false;
    } catch {
      return true;
    }
  };
  const count = { with: 0, without: 0 };
  for (const each of fc.sample(outdated, { seed: 11, numRuns: 30 })) {
    count.with += Number(await spoiled(each, true));
    count.without += Number(await spoiled(each, false));
  }
  t.is(count.with, 0);
  t.true(count.without >= 5, `the fence was needed in ${count.without} of 30 schedules`);
  t.log(`${count.without} of 30`);
});

test('a schedule that fails is told as short as it could be made', async (t) => {
  const property = fc.asyncProperty(fc.nat(1000), async (drawn) => {
    if (drawn >= 500) throw new Error('too many');
  });
  const message = 'too many\n[500]';
  await t.throwsAsync(holdsInAll(property, { numRuns: 100, seed: 3 }), { message });
});
