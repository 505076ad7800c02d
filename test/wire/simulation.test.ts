// Many schedules of what may happen to a job of several workers, in virtual time (test/doubles/simulation/scene.ts). ANNEAL_SIMULATIONS=10000 draws as
// many others than those of every run; one that fails is printed with its seed.
import test from 'ava';
import { type Happening, surviveAll, survives } from '../doubles/simulation/scene.ts';

const asked = process.env['ANNEAL_SIMULATIONS'];
const numRuns = Number(asked ?? 500);

test(`in ${numRuns} schedules nothing is lost, and the job comes to its end`, async (t) => {
  t.timeout(60_000 + 1000 * numRuns);
  const { failed, fromCopies } = await surviveAll(
    asked === undefined ? { numRuns, seed: 13 } : { numRuns },
  );
  t.log(`${failed} of ${numRuns} jobs ended for want of progress`);
  t.log(`ranks went on from copies in memory ${fromCopies} times`);
  t.true(failed < numRuns / 10, 'schedules that only end jobs prove nothing');
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
  t.false((await survives(events)).isWell);
});
