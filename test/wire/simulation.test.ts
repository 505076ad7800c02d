// Many schedules of what may happen to a job of several workers, in virtual time (test/doubles/simulation/scene.ts). ANNEAL_SIMULATIONS=10000 draws as
// many others than those of every run; one that fails is printed with the seed and the path that draw it again.
import test from 'ava';
import { draws, surviveAll } from '../doubles/simulation/draws.ts';
import type { Happening } from '../doubles/simulation/happenings.ts';
import { survives } from '../doubles/simulation/scene.ts';

/** A tenth of a second each. */
const schedules = 500;
const asked = draws({ numRuns: schedules, seed: 13 });
const { numRuns } = asked;

test(`in ${numRuns} schedules nothing is lost, and the job comes to its end`, async (t) => {
  t.timeout(60_000 + 1000 * numRuns);
  t.log(`ANNEAL_TEST_SEED=${asked.seed}`);
  const { ends, fromCopies } = await surviveAll(asked);
  for (const [end, count] of ends) t.log(`${count} of ${numRuns} jobs ended as ${end}`);
  t.log(`ranks went on from copies in memory ${fromCopies} times`);
  // One that is seen again says nothing of the others.
  if (asked.path !== undefined) {
    t.pass();
    return;
  }
  const well = ends.get('Succeeded') ?? 0;
  t.true(well > numRuns / 4, 'schedules that only end jobs prove nothing');
  for (const end of ['RestartBudgetExhausted', 'NoProgress', 'CheckpointCorrupted']) {
    t.true((ends.get(end) ?? 0) > 0, `no job ended as ${end}`);
  }
});

test('workers that give up while they are stopped for good leave a job that has failed', async (t) => {
  // Found by chance, the 1,900th of a run of 10,000: the next epoch saw the result, the operator did not.
  const events: readonly Happening[] = [
    { type: 'lose', who: 0 },
    { type: 'pass', seconds: 9 },
    { type: 'suspend', suspend: true },
    { type: 'killTrainer', who: 0 },
    { type: 'pass', seconds: 3 },
    { type: 'killTrainer', who: 0 },
    { type: 'pass', seconds: 2 },
    { type: 'bus', away: true },
    { type: 'pass', seconds: 1 },
  ];
  t.is((await survives(events)).end, 'NoProgress');
});
