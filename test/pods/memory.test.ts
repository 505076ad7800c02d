// The kernel kills a trainer because its container may not have more memory: the other pods stay,
// what the kernel says is in the records, and a memory that stays too small ends the job.
import test from 'ava';
import { eventually } from '../doubles/eventually.ts';
import type { Pod } from '../doubles/job-pods.ts';
import type { JobWorld } from '../doubles/job-world.ts';
import { type MemoryGroup, memoryGroup } from '../doubles/memory-group.ts';
import { aWorld, endsWell, linesOf } from './a-world.ts';

const plentyBytes = 4 * 2 ** 30;
/** With this much beside the pod, its limit is never one that is refused at once. */
const ballastBytes = 256 * 2 ** 20;

/** Two pods, the second of them within a group. */
async function startBoth(world: JobWorld, { prefix, fill }: MemoryGroup): Promise<readonly Pod[]> {
  await fill(ballastBytes);
  const pods = await Promise.all([world.start(0), world.start(1, 1, prefix)]);
  await world.until('it is saved', ({ checkpoint }) => checkpoint !== undefined);
  return pods;
}

/** All rendezvous again, and the second pod lacks a fifth of the memory that its trainer had. */
async function takeMemory(world: JobWorld, group: MemoryGroup): Promise<void> {
  const whole = group.used() - ballastBytes;
  await world.open('Requested');
  const without = async () => {
    const { round } = await world.state();
    return group.used() - ballastBytes < 0.75 * whole && round > 1;
  };
  await eventually('the trainer is gone', without, { withinMs: 30_000 });
  const trainer = whole + ballastBytes - group.used();
  await eventually('the limit is set', () =>
    group.limit(ballastBytes + whole - 0.2 * trainer).then(
      () => true,
      () => false,
    ),
  );
}

test.serial(
  'a trainer that the kernel kills for memory is counted, and the others stay',
  async (t) => {
    const group = await memoryGroup(t, plentyBytes);
    if (group === undefined) return;
    await using world = await aWorld(t, { workers: 2, training: { maxSteps: 60 } });
    const pods = await startBoth(world, group);
    await takeMemory(world, group);
    await world.until('it is noticed', ({ restarts }) => restarts.counted > 0);
    await group.limit(plentyBytes);
    const { opened, restarts } = await world.state();
    t.like(opened, { cause: 'ProcessFailed', by: `toy-${pods[1]?.uid}` });
    t.is(restarts.lastCause, 'HostOutOfMemory');
    t.true(group.kills() > 0);
    await endsWell(t, world, pods, 2);
    t.true(
      pods[1]?.lines.some((line) => line.includes('because the memory limit was reached')),
      linesOf(pods),
    );
  },
);

test.serial('a memory that stays too small ends the job at the third time', async (t) => {
  const group = await memoryGroup(t, plentyBytes);
  if (group === undefined) return;
  await using world = await aWorld(t, { workers: 2, training: { maxSteps: 1_000_000 } });
  const pods = await startBoth(world, group);
  await takeMemory(world, group);
  const codes = await Promise.all(pods.map(({ ended }) => ended));
  t.deepEqual(codes, [75, 137], linesOf(pods));
  const { result, restarts } = await world.state();
  t.like(result, {
    type: 'Failed',
    code: 'E_HOST_OUT_OF_MEMORY',
    reason: 'HostOutOfMemory',
    index: 1,
  });
  t.is(restarts.counted, 2, 'the third time is the end and no restart');
  t.like(pods[1]?.terminationMessage()?.failure, { code: 'E_HOST_OUT_OF_MEMORY' });
  t.regex(
    pods[1]?.terminationMessage()?.failure?.message ?? '',
    /^the training process was ended by SIGKILL because the memory limit was reached/,
  );
  t.is(group.kills(), 3);
});
