// Hundreds of schedules of what may happen to a job of several workers, in virtual time
// (test/doubles/simulation/scene.ts): the same ones at every run. `npm run simulate` draws many
// others.
import test from 'ava';
import { surviveAll } from '../doubles/simulation/draws.ts';

/** A tenth of a second each. */
const schedules = 500;

test(`in ${schedules} schedules nothing is lost, and the job comes to its end`, async (t) => {
  t.timeout(60_000 + 1000 * schedules);
  const { ends, fromCopies } = await surviveAll({ numRuns: schedules, seed: 13 });
  for (const [end, count] of ends) t.log(`${count} of ${schedules} jobs ended as ${end}`);
  t.log(`ranks went on from copies in memory ${fromCopies} times`);
  const well = ends.get('Succeeded') ?? 0;
  t.true(well > schedules / 4, 'schedules that only end jobs prove nothing');
  for (const end of ['RestartBudgetExhausted', 'NoProgress', 'CheckpointCorrupted']) {
    t.true((ends.get(end) ?? 0) > 0, `no job ended as ${end}`);
  }
});
