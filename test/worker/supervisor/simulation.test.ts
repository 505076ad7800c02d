// Operator, supervisors, trainers and their store in virtual time. The same schedules are drawn at every run; test/wire/simulation.test.ts draws
// more of them.
import test from 'ava';
import fc from 'fast-check';
import { type Happening, happening, Scene, surviveAll } from '../../doubles/simulation/scene.ts';
import { totalSteps } from '../../doubles/simulation/trainers.ts';

test('workers that nothing happens to train to the end in one generation', async (t) => {
  const scene = new Scene();
  await scene.calm();
  t.is(scene.world.phase, 'Succeeded');
  const [job] = scene.world.bus?.jobs() ?? [];
  const state = job === undefined ? undefined : scene.world.bus?.of(job).state;
  t.like(state, { generation: 1, world: { size: 3 }, result: { step: totalSteps } });
  scene.holdOfFiles();
});

test('whatever happens to workers, operator and bus: nothing is lost, and the job comes to its end', async (t) => {
  const { fromCopies } = await surviveAll({ numRuns: 30, seed: 11 });
  t.true(fromCopies > 0, 'no world went on from copies in memory');
});

test('without the fence, a worker that was replaced spoils the job', async (t) => {
  const spoiled = async (events: readonly Happening[]): Promise<boolean> => {
    const scene = new Scene();
    scene.supervisors.isFenced = false;
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
  const events = fc.sample(fc.array(happening, { minLength: 20, maxLength: 40, size: 'max' }), {
    ...{ seed: 11, numRuns: 30 },
  });
  let count = 0;
  for (const each of events) if (await spoiled(each)) count += 1;
  t.true(count > 0, 'the fence was not needed in any of 30 schedules');
  t.log(`${count} of 30`);
});
