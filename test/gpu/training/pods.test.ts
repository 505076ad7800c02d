// Worker pods, each on a device of its own: real supervisors, trainers and bus, on the emulated
// device. Whatever is killed, they end with the bits of two local workers on two devices.
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';
import { aWorld, endsWell, linesOf } from '../../pods/a-world.ts';
import { installation } from './installation.ts';
import { podsJob } from './pods-of-devices.ts';

const world = {
  ...podsJob,
  training: { ...podsJob.training, globalBatchSize: 2 },
  checkpoint: { intervalSteps: 3 },
  worker: { devicesPerWorker: 1 },
};

test.serial('two pods with a device each train one model, also when one is lost', async (t) => {
  await using folder = await temporaryFolder();
  // A pod sees its own device alone.
  const variables = await installation(join(folder.path, 'pod'), 1);
  await using found = await aWorld(t, { ...world, workers: 2, variables });
  const pods = [...(await found.startAll(2))];
  await found.untilStep(5);
  pods[1]?.signalAll('SIGKILL');
  await found.open('PodLost');
  pods[1] = await found.start(1);
  await endsWell(t, found, pods, 2, await installation(join(folder.path, 'machine'), 2));
  const { round, restarts } = await found.state();
  t.is(round, 2);
  t.like(restarts, { counted: 0, disruptions: 1 });
  t.true(
    pods[0]?.lines.some((line) => line.includes('cuda:0 is NVIDIA H100')),
    linesOf(pods),
  );
});

test.serial('a pod whose image has no CUDA ends the job with a sentence', async (t) => {
  await using found = await aWorld(t, { ...world, workers: 1 });
  const pod = await found.start(0);
  t.is(await pod.ended, 78, linesOf([pod]));
  const { result } = await found.state();
  t.like(result, { type: 'Failed', reason: 'ImageWithoutCUDA', exitCode: 78 });
  t.regex(result?.type === 'Failed' ? result.message : '', /the image has no CUDA kernels/);
});

test.serial('a pod that is given no device ends the job with a sentence', async (t) => {
  await using folder = await temporaryFolder();
  // As where nvidia-smi is not in the image, and the trainer is the first to look.
  const { PATH: _, ...variables } = await installation(folder.path, 1);
  const none = { ...variables, ANNEAL_EMULATED_DEVICES: '0' };
  await using found = await aWorld(t, { ...world, workers: 1, variables: none });
  const pod = await found.start(0);
  t.is(await pod.ended, 78, linesOf([pod]));
  t.like((await found.state()).result, { type: 'Failed', reason: 'DeviceNotVisible' });
});

test.serial('a device without memory is tried once with a smaller plan, and no more', async (t) => {
  await using folder = await temporaryFolder();
  const variables = {
    ...(await installation(folder.path, 1)),
    ANNEAL_EMULATED_MEMORY: String(600_000),
  };
  await using found = await aWorld(t, { ...world, workers: 1, variables });
  const pod = await found.start(0);
  t.is(await pod.ended, 72, linesOf([pod]));
  const { result, round, restarts } = await found.state();
  t.like(result, { type: 'Failed', reason: 'DeviceOutOfMemory' });
  t.is(round, 2);
  t.is(restarts.counted, 0);
});
