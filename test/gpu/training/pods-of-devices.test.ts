import test from 'ava';
import { aWorld, endsWell, linesOf } from '../../pods/a-world.ts';
import { type Machines, machines, podsJob, says } from './pods-of-devices.ts';

let machine: Machines;

test.before(async () => {
  machine = await machines();
});

test.after.always(() => machine[Symbol.asyncDispose]());

test.serial('one pod trains on both of its devices, whichever trainer is killed', async (t) => {
  await using world = await aWorld(t, { ...podsJob, workers: 1, variables: machine.pod });
  const pod = await world.start(0);
  for (const [turn, place] of [1, 0].entries()) {
    await world.untilStep(3 + 5 * turn);
    t.true(pod.signalTrainer('SIGKILL', place));
    await world.until('it is noticed', ({ round }) => round === turn + 2);
    t.like((await world.state()).opened, { cause: 'ProcessFailed' });
    const words = `rank ${place} on cuda:${place}: the training process was ended by SIGKILL`;
    await world.until('it says which one', () => says(pod.lines, new RegExp(words)));
  }
  await endsWell(t, world, [pod], 2, machine.two);
  const { restarts, world: formed } = await world.state();
  t.is(formed?.size, 1);
  t.like(restarts, { counted: 2, disruptions: 0 });
  t.true(says(pod.lines, /cuda:0 to cuda:1 are each NVIDIA H100/), linesOf([pod]));
  t.true(says(pod.lines, /round 3 goes on after step \d+ as ranks 0 to 1 of 2/), linesOf([pod]));
});

test.serial('two pods of two devices are one world of four, also when a pod is lost', async (t) => {
  await using world = await aWorld(t, { ...podsJob, workers: 2, variables: machine.pod });
  const pods = [...(await world.startAll(2))];
  await world.untilStep(5);
  pods[0]?.signalAll('SIGKILL');
  await world.open('PodLost');
  pods[0] = await world.start(0);
  await world.until('the next world trains', ({ world: formed }) => formed !== undefined);
  await world.untilStep(9);
  t.true(pods[1]?.signalTrainer('SIGKILL', 1));
  await world.until('it is noticed', ({ round }) => round === 3);
  const words = /rank 3 on cuda:1: the training process/;
  await world.until('it says which one', () => says(pods[1]?.lines ?? [], words));
  await endsWell(t, world, pods, 4, machine.four);
  t.like((await world.state()).restarts, { counted: 1, disruptions: 1 });
});

test.serial('a pod that sees fewer devices than it was to get ends with a sentence', async (t) => {
  await using world = await aWorld(t, { ...podsJob, workers: 1, variables: machine.one });
  const pod = await world.start(0);
  t.is(await pod.ended, 78, linesOf([pod]));
  const { result } = await world.state();
  t.like(result, { type: 'Failed', reason: 'DeviceNotVisible' });
  t.regex(result?.type === 'Failed' ? result.message : '', /sees 1 of the 2 CUDA devices/);
});
