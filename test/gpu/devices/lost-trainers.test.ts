// What else may happen to pods of several devices.
import { join } from 'node:path';
import test from 'ava';
import { digestsBelow } from '../../e2e/killed-run.ts';
import {
  aWorld,
  beganAfter,
  endsWell,
  inMemory,
  linesOf,
  onThisMachine,
} from '../../pods/a-world.ts';
import { type Machines, machines, podsJob, says } from '../training/pods-of-devices.ts';

let machine: Machines;

test.before(async () => {
  machine = await machines();
});

test.after.always(() => machine[Symbol.asyncDispose]());

test.serial('a pod that is new gets the parts of both ranks from the other pod', async (t) => {
  const memory = inMemory('LocalAndPeer').checkpoint;
  await using world = await aWorld(t, {
    ...podsJob,
    checkpoint: memory,
    workers: 2,
    variables: machine.pod,
  });
  const pods = [...(await world.startAll(2))];
  await world.untilStep(5);
  pods[1]?.signalAll('SIGKILL');
  await world.open('PodLost');
  pods[1] = await world.start(1);
  await world.until('from memory', () => beganAfter(pods, 2) > 0);
  t.is((await world.state()).checkpoint, undefined, 'nothing else was there to go on from');
  await endsWell(t, world, pods, 4, machine.four);
});

test.serial('both trainers of a pod go on from the copies in it', async (t) => {
  const memory = inMemory('Local').checkpoint;
  await using world = await aWorld(t, {
    ...{ ...podsJob, checkpoint: memory, workers: 1 },
    variables: machine.pod,
  });
  const pod = await world.start(0);
  await world.untilStep(5);
  t.true(pod.signalTrainer('SIGKILL', 0));
  await world.until('from memory', () => beganAfter([pod], 2) >= 4);
  t.is((await world.state()).checkpoint, undefined, 'nothing else was there to go on from');
  await endsWell(t, world, [pod], 2, machine.two);
});

test.serial('both trainers of a pod save once when it is asked to end', async (t) => {
  const checkpoint = { intervalSteps: 1000 };
  await using world = await aWorld(t, {
    ...podsJob,
    checkpoint,
    workers: 1,
    variables: machine.pod,
  });
  const pod = await world.start(0);
  await world.untilStep(5);
  pod.signal('SIGTERM');
  t.is(await pod.ended, 75, linesOf([pod]));
  const { checkpoint: saved, restarts } = await world.state();
  t.true((saved?.step ?? 0) >= 5);
  t.like(restarts, { counted: 0, disruptions: 1 });
  const next = await world.start(0);
  await endsWell(t, world, [next], 2, machine.two);
  t.true(says(next.lines, new RegExp(`goes on after step ${saved?.step} as ranks 0 to 1 of 2`)));
});

test.serial('a trainer that hangs is found among those that wait for it', async (t) => {
  const failurePolicy = { hangTimeoutSeconds: 10 };
  await using world = await aWorld(t, {
    ...podsJob,
    failurePolicy,
    workers: 1,
    variables: machine.pod,
  });
  const pod = await world.start(0);
  await world.untilStep(5);
  t.true(pod.signalTrainer('SIGSTOP', 1));
  await world.until('it is noticed', ({ round }) => round === 2);
  t.like((await world.state()).opened, { cause: 'Hang' }, linesOf([pod]));
  const words = /rank 1 on cuda:1: nothing was heard for \d+ s/;
  await world.until('it says which one', () => says(pod.lines, words));
  await endsWell(t, world, [pod], 2, machine.two);
});

test.serial('the number of pods changes while they train: two ranks, four, and two', async (t) => {
  const training = { ...podsJob.training, maxSteps: 18 };
  await using world = await aWorld(t, { ...podsJob, training, workers: 1, variables: machine.pod });
  const first = await world.start(0);
  await world.untilStep(6);
  const second = await world.start(1);
  await world.want({ workers: 2, min: 1, max: 2 });
  await world.open('Resize');
  await world.until('both commit', ({ checkpoint }) => checkpoint?.round === 2);
  t.true(says(second.lines, /as ranks 2 to 3 of 4/), linesOf([first, second]));
  await world.want({ workers: 1 });
  await world.open('Resize');
  await world.until('one trains', ({ world: formed }) => formed?.size === 1);
  second.signal('SIGTERM');
  t.is(await second.ended, 75, linesOf([second]));
  t.is(await first.ended, 0, linesOf([first]));
  t.true(says(first.lines, /round 3 goes on after step \d+ as ranks 0 to 1 of 2/));
});

test.serial('without a bus, too, a pod trains on all of its devices', async (t) => {
  await using world = await aWorld(t, { ...podsJob, workers: 1, variables: machine.pod });
  const pod = await world.startAlone();
  await world.untilStep(5);
  t.true(pod.signalTrainer('SIGKILL', 1));
  t.is(await pod.ended, 137, linesOf([pod]));
  t.like(pod.terminationMessage()?.failure, { reason: 'Terminated', rank: 1, device: 'cuda:1' });
  const next = await world.startAlone();
  t.is(await next.ended, 0, linesOf([next]));
  t.like(next.terminationMessage()?.finished, { reason: 'Finished', step: 12 });
  await world.stage('publish');
  const undisturbed = await onThisMachine(t, world, 2, { variables: machine.two });
  t.deepEqual(digestsBelow(join(world.folder, 'out')), undisturbed);
});
