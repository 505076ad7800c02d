// What the pods of one job tell a collector and TensorBoard: real supervisors and trainers, one of
// which is killed on the way.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { traceOfJob } from '../../crds/trace/context.ts';
import { OtlpCollector } from '../doubles/otlp-collector.ts';
import { aWorld, endsWell } from './a-world.ts';

test.serial(
  'all pods of a job add to one trace, also when a trainer is lost and they rendezvous again',
  async (t) => {
    await using collector = await OtlpCollector.start();
    await using world = await aWorld(t, {
      workers: 2,
      observability: { traceSampling: 'All', tensorboard: 'Enabled' },
      collector: collector.endpoint,
    });
    const pods = await world.startAll(2);
    await world.untilStep(8);
    t.true(pods[1]?.signalTrainer('SIGKILL'));
    await world.until('it is noticed', ({ round }) => round === 2);
    await endsWell(t, world, pods, 2);
    const { spans } = collector;
    const { job } = traceOfJob(world.uid, undefined);
    for (const { traceId } of spans) t.is(traceId, job.traceId);
    const below = (parent: string) => spans.filter(({ parentId }) => parentId === parent);
    const roles = below(job.spanId);
    t.deepEqual(roles.map(({ name }) => name).sort(), ['prepare', 'train', 'train']);
    for (const { resource } of roles) t.is(resource['service.name'], 'anneal-worker');
    const [first, second] = [0, 1].map((index) => {
      const own = roles.find(
        ({ name, attributes }) => name === 'train' && attributes['anneal.worker_index'] === index,
      );
      return below(own?.spanId ?? 'none').map(({ name }) => name);
    });
    const count = (names: readonly string[] | undefined, name: string) =>
      names?.filter((each) => each === name).length;
    // What every rank says is told once, by the first; where each was, by each.
    for (const name of ['rendezvous', 'load', 'plan', 'first step'])
      t.is(count(first, name), 2, name);
    t.true((count(first, 'checkpoint') ?? 0) > 0);
    t.true((count(first, 'export') ?? 0) > 0, 'the first publishes');
    t.is(count(second, 'rendezvous'), 2);
    t.is(count(second, 'first step'), 0);
    const board = join(world.folder, 'out/tensorboard');
    t.is((await readdir(board)).length, 2, 'a file for each round');
  },
);

test.serial('a collector that never answers does not keep a pod from its end', async (t) => {
  await using collector = await OtlpCollector.start();
  collector.mood = 'IsSilent';
  await using world = await aWorld(t, {
    workers: 1,
    observability: { traceSampling: 'All' },
    collector: collector.endpoint,
  });
  const pods = await world.startAll(1);
  await endsWell(t, world, pods, 1);
  const lines = world.pods.flatMap((pod) => pod.lines);
  t.true(lines.some((line) => line.includes('spans could not be sent to http://')));
});
