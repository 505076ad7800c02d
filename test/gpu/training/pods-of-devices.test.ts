// Worker pods of several devices, a trainer on each: real supervisors, trainers and bus, on the
// emulated device. Whatever is killed, they end with the bits of as many local workers as there are
// devices.
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';
import { digestsBelow } from '../../e2e/killed-run.ts';
import {
  aWorld,
  beganAfter,
  endsWell,
  inMemory,
  linesOf,
  onThisMachine,
} from '../../pods/a-world.ts';
import { installation } from './installation.ts';

const job = {
  method: { preset: 'Full', precision: { type: 'Float32' } },
  sizes: { vocab_size: 320, hidden_size: 32, intermediate_size: 48 },
  dataset: { sequenceLength: 48, heldOut: { samples: 1 } },
  training: { maxSteps: 12, globalBatchSize: 4, learningRate: '1e-3' },
  checkpoint: { intervalSteps: 2 },
  worker: { devicesPerWorker: 2 },
};

/** Of a pod that sees one, two, and of machines that do as one pod, and as two. */
const variables: Record<'one' | 'pod' | 'two' | 'four', Readonly<Record<string, string>>> = {
  ...{ one: {}, pod: {}, two: {}, four: {} },
};

let folder: Awaited<ReturnType<typeof temporaryFolder>>;

test.before(async () => {
  folder = await temporaryFolder();
  for (const [name, count] of Object.entries({ one: 1, pod: 2, two: 2, four: 4 })) {
    variables[name as keyof typeof variables] = await installation(join(folder.path, name), count);
  }
});

test.after.always(() => folder[Symbol.asyncDispose]());

const says = (lines: readonly string[], words: RegExp) => lines.some((line) => words.test(line));

test.serial('one pod trains on both of its devices, whichever trainer is killed', async (t) => {
  await using world = await aWorld(t, { ...job, workers: 1, variables: variables.pod });
  const pod = await world.start(0);
  for (const [turn, place] of [1, 0].entries()) {
    await world.untilStep(3 + 5 * turn);
    t.true(pod.signalTrainer('SIGKILL', place));
    await world.until('it is noticed', ({ round }) => round === turn + 2);
    t.like((await world.state()).opened, { cause: 'ProcessFailed' });
    const words = `rank ${place} on cuda:${place}: the training process was ended by SIGKILL`;
    await world.until('it says which one', () => says(pod.lines, new RegExp(words)));
  }
  await endsWell(t, world, [pod], 2, variables.two);
  const { restarts, world: formed } = await world.state();
  t.is(formed?.size, 1);
  t.like(restarts, { counted: 2, disruptions: 0 });
  t.true(says(pod.lines, /cuda:0 to cuda:1 are each NVIDIA H100/), linesOf([pod]));
  t.true(says(pod.lines, /round 3 goes on after step \d+ as ranks 0 to 1 of 2/), linesOf([pod]));
});

test.serial('two pods of two devices are one world of four, also when a pod is lost', async (t) => {
  await using world = await aWorld(t, { ...job, workers: 2, variables: variables.pod });
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
  await endsWell(t, world, pods, 4, variables.four);
  t.like((await world.state()).restarts, { counted: 1, disruptions: 1 });
});

test.serial('a pod that is new gets the parts of both ranks from the other pod', async (t) => {
  const memory = inMemory('LocalAndPeer').checkpoint;
  await using world = await aWorld(t, {
    ...job,
    checkpoint: memory,
    workers: 2,
    variables: variables.pod,
  });
  const pods = [...(await world.startAll(2))];
  await world.untilStep(5);
  pods[1]?.signalAll('SIGKILL');
  await world.open('PodLost');
  pods[1] = await world.start(1);
  await world.until('from memory', () => beganAfter(pods, 2) > 0);
  t.is((await world.state()).checkpoint, undefined, 'nothing else was there to go on from');
  await endsWell(t, world, pods, 4, variables.four);
});

test.serial('both trainers of a pod go on from the copies in it', async (t) => {
  const memory = inMemory('Local').checkpoint;
  await using world = await aWorld(t, {
    ...{ ...job, checkpoint: memory, workers: 1 },
    variables: variables.pod,
  });
  const pod = await world.start(0);
  await world.untilStep(5);
  t.true(pod.signalTrainer('SIGKILL', 0));
  await world.until('from memory', () => beganAfter([pod], 2) >= 4);
  t.is((await world.state()).checkpoint, undefined, 'nothing else was there to go on from');
  await endsWell(t, world, [pod], 2, variables.two);
});

test.serial('both trainers of a pod save once when it is asked to end', async (t) => {
  const checkpoint = { intervalSteps: 1000 };
  await using world = await aWorld(t, { ...job, checkpoint, workers: 1, variables: variables.pod });
  const pod = await world.start(0);
  await world.untilStep(5);
  pod.signal('SIGTERM');
  t.is(await pod.ended, 75, linesOf([pod]));
  const { checkpoint: saved, restarts } = await world.state();
  t.true((saved?.step ?? 0) >= 5);
  t.like(restarts, { counted: 0, disruptions: 1 });
  const next = await world.start(0);
  await endsWell(t, world, [next], 2, variables.two);
  t.true(says(next.lines, new RegExp(`goes on after step ${saved?.step} as ranks 0 to 1 of 2`)));
});

test.serial('a trainer that hangs is found among those that wait for it', async (t) => {
  const failurePolicy = { hangTimeoutSeconds: 10 };
  await using world = await aWorld(t, {
    ...job,
    failurePolicy,
    workers: 1,
    variables: variables.pod,
  });
  const pod = await world.start(0);
  await world.untilStep(5);
  t.true(pod.signalTrainer('SIGSTOP', 1));
  await world.until('it is noticed', ({ round }) => round === 2);
  t.like((await world.state()).opened, { cause: 'Hang' }, linesOf([pod]));
  const words = /rank 1 on cuda:1: nothing was heard for \d+ s/;
  await world.until('it says which one', () => says(pod.lines, words));
  await endsWell(t, world, [pod], 2, variables.two);
});

test.serial('the number of pods changes while they train: two ranks, four, and two', async (t) => {
  const training = { ...job.training, maxSteps: 18 };
  await using world = await aWorld(t, { ...job, training, workers: 1, variables: variables.pod });
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

test.serial('a pod that sees fewer devices than it was to get ends with a sentence', async (t) => {
  await using world = await aWorld(t, { ...job, workers: 1, variables: variables.one });
  const pod = await world.start(0);
  t.is(await pod.ended, 78, linesOf([pod]));
  const { result } = await world.state();
  t.like(result, { type: 'Failed', reason: 'DeviceNotVisible' });
  t.regex(result?.type === 'Failed' ? result.message : '', /sees 1 of the 2 CUDA devices/);
});

test.serial('without a bus, too, a pod trains on all of its devices', async (t) => {
  await using world = await aWorld(t, { ...job, workers: 1, variables: variables.pod });
  const pod = await world.startAlone();
  await world.untilStep(5);
  t.true(pod.signalTrainer('SIGKILL', 1));
  t.is(await pod.ended, 137, linesOf([pod]));
  t.like(pod.terminationMessage()?.failure, { reason: 'Terminated', rank: 1, device: 'cuda:1' });
  const next = await world.startAlone();
  t.is(await next.ended, 0, linesOf([next]));
  t.like(next.terminationMessage()?.finished, { reason: 'Finished', step: 12 });
  await world.stage('publish');
  const undisturbed = await onThisMachine(t, world, 2, { variables: variables.two });
  t.deepEqual(digestsBelow(join(world.folder, 'out')), undisturbed);
});
