// How much an undisturbed job costs the API server: each object and each write of ours, in order. A
// write that is added here is paid by every job.
import test from 'ava';
import type { KubeRequest } from '../../../operator/runtime/transport.ts';
import { preparingAlone } from '../../builders/job.ts';
import { labelsOf } from '../../doubles/simulation/job-controller.ts';
import { policiesAt, World } from '../../doubles/simulation/world.ts';

/** `create jobs first-w1`, `status Running`, … */
function inWords({ verb, path, body }: KubeRequest): string {
  const { metadata, status } = (body ?? {}) as {
    metadata?: { name: string };
    status?: { phase: string };
  };
  if (status !== undefined) return `status ${status.phase}`;
  if (verb === 'POST') return `create ${path.split('/').at(-1)} ${metadata?.name}`;
  return `${verb.toLowerCase()} ${path.split('/').slice(-2).join(' ')}`;
}

interface Costs {
  readonly writes: readonly string[];
  readonly events: readonly string[];
  /**
   * Creations that were asked for, whatever was answered: one of what is there already costs the
   * server as much.
   */
  readonly asked: number;
  readonly objects: World['objects'];
}

/** An earlier job of the namespace had the policies made that all share. */
async function shareBefore(world: World): Promise<void> {
  const { objects } = await costsIn(new World({ bus: true }), preparingAlone);
  for (const policy of objects.all(policiesAt)) {
    world.objects.create({ collection: policiesAt, namespace: 'team-a' }, policy);
  }
  world.deliver();
}

/** Of a job that is made, trains and ends. */
async function costs(changes = {}, isFirst = false): Promise<Costs> {
  const world = new World({ bus: true });
  if (!isFirst) await shareBefore(world);
  return costsIn(world, changes);
}

async function costsIn(world: World, changes = {}): Promise<Costs> {
  world.apply({ 'worker.devicesPerWorker': 0, ...changes });
  let trained = false;
  let asked = 0;
  world.transport.outcome = ({ verb }) => {
    if (verb === 'POST') asked += 1;
    return 'Fine';
  };
  world.script = (pod) => {
    const isWorker = labelsOf(pod)['anneal.dev/component'] === 'worker';
    return isWorker && !trained ? undefined : { exit: 0 };
  };
  for (let round = 0; round < 30 && world.phase !== 'Succeeded'; round++) {
    await world.settle(1, 1);
    trained = round > 10;
  }
  return {
    writes: world.transport.writes.map((each) => inWords(each).replace(/plan-[0-9a-f]{8}/, 'plan')),
    events: world.events.map(({ reason }) => reason),
    asked,
    objects: world.objects,
  };
}

test('a job that prepares in a pod of its own', async (t) => {
  const { writes, events } = await costs();
  t.deepEqual(writes, [
    'patch finetunejobs first',
    'create configmaps first-plan',
    'create jobs first-init-1',
    'status Initializing',
    'status Starting',
    'create jobs first-w1',
    'status Starting',
    'status Running',
    'status Publishing',
    'create jobs first-publish-1',
    'status Succeeded',
  ]);
  t.deepEqual(events, ['Running', 'Finished']);
});

test('a job whose worker prepares for itself: two objects', async (t) => {
  const { writes, events } = await costs(preparingAlone);
  t.deepEqual(writes, [
    'patch finetunejobs first',
    'create configmaps first-plan',
    'create jobs first-w1',
    'status Initializing',
    'status Running',
    'status Publishing',
    'create jobs first-publish-1',
    'status Succeeded',
  ]);
  t.deepEqual(events, ['Running', 'Finished']);
});

test('the first job of a namespace has the policies made that all share; each job above one worker has its own', async (t) => {
  const policies = ({ writes }: Costs) => writes.filter((each) => each.includes('policies'));
  t.deepEqual(policies(await costs({}, true)), [
    'create networkpolicies anneal.dev.worker',
    'create networkpolicies anneal.dev.io',
  ]);
  t.deepEqual(policies(await costs({ 'worker.replicas': 2 })), [
    'create networkpolicies first-workers',
  ]);
});

test('nothing is created twice', async (t) => {
  const { writes, asked } = await costs();
  t.is(asked, writes.filter((each) => each.startsWith('create')).length);
});
