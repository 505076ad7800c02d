import test from 'ava';
import { isReasonOf } from '../../../crds/api/condition-reasons.ts';
import { smol135 } from '../../builders/facts.ts';
import { metaOf } from '../../doubles/kube/objects.ts';
import { labelsOf } from '../../doubles/simulation/job-controller.ts';
import { World } from '../../doubles/simulation/world.ts';

const collection = 'apis/anneal.dev/v1alpha1/adapters';
const adaptersOf = (world: World) => world.objects.all(collection);

/** Pods that prepare, train and publish a LoRA at once. */
function aWorldWithAdapters(): World {
  const world = new World({ site: { hasAdapters: true } });
  world.apply({ 'worker.devicesPerWorker': 0, 'method.preset': 'LoRA' });
  const model = { digest: 'sha256:0', family: 'llama', format: 'Safetensors', facts: smol135 };
  const counts = { samples: 1, tokens: 4, targetTokens: 4, skipped: 0, sequences: 1, longest: 4 };
  const dataset = { digest: 'sha256:1', ...counts };
  const words = {
    init: { prepared: { model, dataset } },
    worker: { finished: { reason: 'Finished' } },
    publish: { published: { artifacts: [{ type: 'PEFTAdapter', uri: 'pvc://notes/out' }] } },
  };
  world.script = (pod) => {
    const own = Object.entries(words).find(
      ([component]) => component === labelsOf(pod)['anneal.dev/component'],
    );
    return { exit: 0, terminationMessage: { v: 1, ...own?.[1] } };
  };
  return world;
}

async function turn(world: World): Promise<void> {
  world.time += 1_000;
  world.deliver();
  await world.reconcile();
  world.outside();
}

async function until(world: World, isThere: () => boolean): Promise<void> {
  for (let round = 0; round < 60 && !isThere(); round++) await turn(world);
}

test('what a job made is recorded before its status says that it succeeded', async (t) => {
  const world = aWorldWithAdapters();
  let recorded: number | undefined;
  world.seen = ({ after }) => {
    if (after.phase === 'Succeeded') recorded ??= adaptersOf(world).length;
  };
  await until(world, () => world.phase === 'Succeeded');
  t.is(recorded, 1);
});

test('a leader that dies between the record and the end leaves one record of a job that succeeds', async (t) => {
  const world = aWorldWithAdapters();
  const isRecorded = () => adaptersOf(world).length > 0;
  world.transport.outcome = ({ path }) =>
    isRecorded() && path.includes('finetunejobs') ? 'FailsBefore' : 'Fine';
  await until(world, isRecorded);
  t.is(world.phase, 'Publishing');
  world.transport.outcome = () => 'Fine';
  world.restart();
  await until(world, () => world.phase === 'Succeeded');
  t.is(world.phase, 'Succeeded');
  t.is(adaptersOf(world).length, 1);
});

test('a job whose record is refused says so, and succeeds once it is taken', async (t) => {
  const world = aWorldWithAdapters();
  const stalled = () => world.observed?.status.conditions?.find(({ type }) => type === 'Stalled');
  for (const [outcome, reason] of [
    ['Forbidden', 'PermissionDenied'],
    ['Invalid', 'InvalidSpec'],
  ] as const) {
    world.transport.outcome = ({ verb, path }) =>
      verb !== 'GET' && path.includes('/adapters') ? outcome : 'Fine';
    await until(world, () => stalled()?.reason === reason);
    t.is(stalled()?.reason, reason);
    t.regex(stalled()?.message ?? '', /Adapter|Record/);
    t.is(world.phase, 'Publishing');
    const conditions = world.observed?.status.conditions ?? [];
    const published = conditions.find(({ type }) => type === 'Published');
    t.is(published?.reason, 'Recording');
    t.true(isReasonOf('Published', 'Recording'), 'a page explains it');
  }
  world.transport.outcome = () => 'Fine';
  await until(world, () => world.phase === 'Succeeded');
  t.is(world.phase, 'Succeeded');
  t.deepEqual(
    adaptersOf(world).map((one) => metaOf(one)['ownerReferences']),
    [undefined],
  );
});
