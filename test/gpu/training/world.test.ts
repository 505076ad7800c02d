// Two workers, each on a device of its own, train one model: as one worker does, and with the same
// bits when one of them is lost.
import { join } from 'node:path';
import test from 'ava';
import { resultOf } from '../../e2e/killed-run.ts';
import { killsAfter, lossesOf, runWorld, warningsIn } from '../../e2e/world-run.ts';
import { installation } from './installation.ts';
import { aJobOfTwoDevices } from './two-devices.ts';

const method = { preset: 'Full', precision: { type: 'Float32' } };

test('two workers on two devices train as one does, also when one of them is lost', async (t) => {
  const { folder, job } = await aJobOfTwoDevices(t, method);
  const variables = await installation(folder, 2);
  const run = async (name: string, workers: number, lost = false) => {
    const harm = lost ? killsAfter(4, 1) : undefined;
    const ended = await runWorld(job, join(folder, name), workers, harm, variables);
    t.is(ended.code, 0, ended.stderr);
    const plan = ended.lines.find((line) => line.type === 'plan');
    t.is(plan?.device, 'cuda:0');
    return { result: resultOf(job, ended.folder), lines: ended.lines };
  };
  const one = lossesOf((await run('one', 1)).result);
  const { result } = await run('two', 2);
  const two = lossesOf(result);
  t.true(two.length >= 3);
  for (const [i, loss] of two.entries()) {
    t.true(Math.abs(loss / (one[i] ?? Number.NaN) - 1) < 1e-4, `${two} of two, ${one} of one`);
  }
  const harmed = await run('lost', 2, true);
  t.true(warningsIn(harmed.lines).some(({ reason }) => reason === 'Restarted'));
  t.deepEqual(harmed.result, result);
});
