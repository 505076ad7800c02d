// What TensorBoard itself makes of these files is asked in test/peers/tensorboard.test.ts.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { TelemetryBody } from '../../../crds/wire/telemetry.ts';
import { openBoard } from '../../../worker/telemetry/tensorboard.ts';
import { aStepBody } from '../../builders/step-body.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const warning = { type: 'warning', reason: 'Odd', message: 'something is odd' } as const;
const plan = { type: 'plan', firstStep: 0 } as TelemetryBody;

test('a run that never trains leaves no file', async (t) => {
  await using root = await temporaryFolder();
  const folder = join(root.path, 'tensorboard');
  {
    using board = openBoard({ folder, clock: new FakeClock(), settings: {} });
    board.see(warning);
  }
  await t.throwsAsync(readdir(folder), { code: 'ENOENT' });
});

test('a later process gets a later name, whatever its clock says, and touches no other file', async (t) => {
  await using root = await temporaryFolder();
  const folder = root.path;
  const clock = new FakeClock();
  for (const _ of ['first', 'second', 'third']) {
    using board = openBoard({ folder, clock, settings: {} });
    board.see(plan);
  }
  const early = (await readdir(folder)).sort();
  t.is(early.length, 3);
  await writeFile(join(folder, 'events.out.tfevents.9000000000.elsewhere'), '');
  using board = openBoard({ folder, clock, settings: {} });
  board.see(plan);
  t.is((await readdir(folder)).sort().at(-1), 'events.out.tfevents.9000000001.anneal');
});

test('of a long run not every step is kept: a file grows ever more slowly', async (t) => {
  await using root = await temporaryFolder();
  const folder = join(root.path, 'tensorboard');
  const [steps, stride] = [4000, 64 * 1024];
  {
    using board = openBoard({ folder, clock: new FakeClock(), settings: {} }, stride);
    for (let step = 1; step <= steps; step++) board.see(aStepBody(step));
  }
  const [name = ''] = await readdir(folder);
  const { length } = await readFile(join(folder, name));
  t.true(length > stride);
  // All of them would take some 13 strides; each stride holds twice the steps of the one before.
  t.true(length < 5 * stride, `${length} bytes of ${steps} steps`);
});
