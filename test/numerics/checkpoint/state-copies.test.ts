import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { CopiesPlan } from '../../../crds/wire/copies.ts';
import type { TelemetryBody } from '../../../crds/wire/telemetry.ts';
import { checkpointsOf } from '../../../worker/checkpoint/checkpoints.ts';
import { listCopies, setDelivered } from '../../../worker/checkpoint/copy-folder.ts';
import { StateCopies } from '../../../worker/checkpoint/state-copies.ts';
import { freshState, type TrainerState } from '../../../worker/checkpoint/trainer-state.ts';
import { alone, type World } from '../../../worker/engine/world.ts';
import { jobDigest, save } from '../../builders/checkpoint.ts';
import { shake, Training } from '../../builders/toy-training.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { smallDisk } from '../../doubles/small-disk.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const at = (step: number): TrainerState => ({
  ...{ ...freshState, step, updates: step, position: step + 1, seconds: step },
  stepCounts: { 0: step, 1: step, 2: step, embedding: step, head: step },
});

function copiesOf(
  training: Training,
  folder: string,
  changes: Partial<CopiesPlan> = {},
  world: World = alone,
  room = 2 ** 30,
  initial?: string,
) {
  const clock = new FakeClock();
  const messages: TelemetryBody[] = [];
  const emit = (message: TelemetryBody) => void messages.push(message);
  const copies = new StateCopies(training.trained(), {
    room: () => room,
    plan: { folder, round: 3, intervalSteps: 1, hasPeer: false, ...changes },
    ...{ job: jobDigest, base: 'base', initial, world, clock, emit },
  });
  return { copies, clock, messages };
}

function checkpointsIn(training: Training, root: string, job = jobDigest, initial?: string) {
  const messages: TelemetryBody[] = [];
  const checkpoints = checkpointsOf(training.trained(), {
    ...{ root, job, base: 'base', initial, clock: new FakeClock() },
    wish: { intervalSteps: 10, intervalSeconds: null },
    retain: { latest: 3, best: 1, everySteps: null },
    emit: (message) => void messages.push(message),
  });
  return { checkpoints, messages };
}

const stepsOf = (folder: string) =>
  listCopies(folder, 'own').then((all) => all.map(({ name }) => name.step));

test('weights, moments and state come back from a copy bit for bit', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  shake(training, 'one');
  const expected = training.bits();
  await copiesOf(training, folder.path).copies.take(at(4));
  shake(training, 'two');
  t.notDeepEqual(training.bits(), expected);
  const [copy] = await listCopies(folder.path, 'own');
  t.deepEqual(copy?.name, { round: 3, position: 5, step: 4, rank: 0, size: 1 });
  const { checkpoints } = checkpointsIn(training, join(folder.path, 'durable'));
  t.deepEqual(await checkpoints.restore(copy?.folder), at(4));
  t.deepEqual(training.bits(), expected);
  t.is(checkpoints.savedStep, null, 'it is no checkpoint');
});

test('a copy is of what the adapter began with: beside other factors it is left', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const [one, other] = ['1'.repeat(64), '2'.repeat(64)] as const;
  await copiesOf(training, folder.path, {}, alone, 2 ** 30, one).copies.take(at(4));
  const [copy] = await listCopies(folder.path, 'own');
  const root = join(folder.path, 'none');
  const foreign = checkpointsIn(training, root, jobDigest, other);
  t.is(await foreign.checkpoints.restore(copy?.folder), null);
  t.like(foreign.messages, [{ type: 'warning', reason: 'CopyUnusable' }]);
  const own = checkpointsIn(training, root, jobDigest, one);
  t.deepEqual(await own.checkpoints.restore(copy?.folder), at(4));
});

test('a damaged copy, or one of another job, is left for the checkpoint, and nothing of it is read', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const root = join(folder.path, 'durable');
  shake(training, 'three');
  const expected = training.bits();
  await save(checkpointsIn(training, root).checkpoints, at(2));
  shake(training, 'four');
  await copiesOf(training, folder.path).copies.take(at(4));
  const [copy] = await listCopies(folder.path, 'own');
  const file = join(copy?.folder ?? '', 'shard-0.safetensors');
  const other = checkpointsIn(training, join(folder.path, 'none'), 'b'.repeat(64));
  const before = training.bits();
  t.is(await other.checkpoints.restore(copy?.folder), null);
  t.deepEqual(training.bits(), before, 'who begins anew begins with what there was');
  await writeFile(file, 'damaged');
  const { checkpoints, messages } = checkpointsIn(training, root);
  t.deepEqual(await checkpoints.restore(copy?.folder), at(2));
  t.deepEqual(training.bits(), expected);
  t.like(messages, [{ type: 'warning', reason: 'CopyUnusable' }]);
});

test('copies come at the interval, and wait until the one before is delivered', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const { copies } = copiesOf(training, folder.path, { intervalSteps: 3, hasPeer: true });
  for (const step of [1, 2, 3, 4, 5]) await copies.take(at(step));
  t.deepEqual(await stepsOf(folder.path), [1], 'it is due after 4, and nobody has the one of 1');
  const [first] = await readdir(join(folder.path, 'own'));
  await setDelivered(folder.path, first ?? '');
  await copies.take(at(6));
  t.deepEqual(await stepsOf(folder.path), [6, 1]);
});

test('where there is no room training goes on without copies, and says once what to do', async (t) => {
  const folder = await temporaryFolder();
  // After the small disk in it is gone.
  t.teardown(() => folder[Symbol.asyncDispose]());
  using training = new Training();
  const small = await smallDisk(t, join(folder.path, 'small'), 2 ** 16);
  if (!small) return;
  const { copies, messages } = copiesOf(training, join(folder.path, 'small'));
  for (const step of [1, 2, 3]) await copies.take(at(step));
  t.is(messages.length, 1);
  t.like(messages, [{ type: 'warning', reason: 'MemoryCopiesFull', step: 1 }]);
  t.regex(JSON.stringify(messages), /give the workers more memory \(spec\.worker\.resources/);
  t.deepEqual(await stepsOf(join(folder.path, 'small')), []);
});

test('a rank that heard that another one has no room makes no copies either', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  // There was room for all when they asked, and then there was none for one.
  let asked = 0;
  const { copies, messages } = copiesOf(
    training,
    folder.path,
    {},
    {
      ...alone,
      agree: () => ++asked > 1,
    },
  );
  for (const step of [1, 2, 3]) await copies.take(at(step));
  t.deepEqual(await stepsOf(folder.path), [1], 'it had made its own before it heard');
  t.deepEqual(messages, [], 'the other one tells');
});

test('copies that would not fit beside the steps are not begun', async (t) => {
  await using folder = await temporaryFolder();
  using training = new Training();
  const bytes = [...training.bits().values()].reduce((sum, each) => sum + each.length, 0);
  for (const [room, isMade] of [
    [4 * bytes - 1, false],
    [4 * bytes, true],
  ] as const) {
    const { copies, messages } = copiesOf(training, folder.path, { hasPeer: true }, alone, room);
    await copies.take(at(1));
    t.deepEqual(await stepsOf(folder.path), isMade ? [1] : []);
    t.is(messages.length, isMade ? 0 : 1);
  }
});
