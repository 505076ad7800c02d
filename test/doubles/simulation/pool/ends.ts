// Jobs of a pool under a schedule: what has to hold does after each event, and when it is over each
// job comes to an end that the books know of, and leaves nothing behind when it is deleted.
import { label } from '../../../../crds/names/labels.ts';
import { metaOf } from '../../kube/objects.ts';
import { check } from '../invariants.ts';
import { finetunejobsAt, policiesAt } from '../world.ts';
import { PoolAccount } from './account.ts';
import { liar } from './cluster.ts';
import { names, type PoolEvent, type PoolGiven } from './events.ts';
import { jobAt, list, namespace, PoolWorld, pool, poolJob } from './world.ts';

const places = {
  Job: poolJob,
  ConfigMap: list,
  NetworkPolicy: { ...poolJob, collection: policiesAt },
} as const;

export interface PoolRun {
  readonly world: PoolWorld;
  readonly account: PoolAccount;
}

export function newPoolRun({ places: jobs, squatter, ...site }: PoolGiven): PoolRun {
  const world = new PoolWorld(site);
  const other = { collection: finetunejobsAt, namespace: 'elsewhere', name: 'someone' };
  const owner = world.objects.create(other, { metadata: { name: other.name }, spec: {} });
  world.createPool(jobs);
  const { uid } = world.pool?.metadata ?? {};
  const labels = { [label.poolUid]: uid, [label.poolName]: pool.name };
  const ownerReferences = [{ uid: metaOf(owner)['uid'], controller: true }];
  const pods = { collection: 'api/v1/pods', namespace, name: liar.name };
  world.objects.create(pods, {
    ...{ metadata: { name: liar.name, labels }, spec: { containers: [] } },
    status: { phase: 'Running', podIP: liar.address },
  });
  const taken = squatter === undefined ? undefined : places[squatter];
  if (taken !== undefined) {
    world.objects.create(taken, {
      metadata: { name: taken.name, labels, ownerReferences },
      spec: { suspend: true, template: { spec: {} } },
      data: { note: 'mine' },
    });
  }
  const account = new PoolAccount(world, [pods, ...(taken === undefined ? [] : [taken])]);
  world.eachSecond = () => account.holds();
  return { world, account };
}

export async function happenToPool({ world }: PoolRun, each: PoolEvent): Promise<void> {
  const { cluster, objects } = world;
  switch (each.type) {
    case 'turn':
      return await world.turn(each.leader, each.seconds);
    case 'reconcile':
      world.deliver(each.leader, each.sees);
      world.faults = [...each.faults];
      await world.reconcile(each.leader, each.of);
      world.faults = [];
      return;
    case 'pass':
      return await world.pass(each.seconds);
    case 'create':
      world.createJob(each.name);
      lie(world);
      return;
    case 'suspend':
      if (objects.find(jobAt(each.name)) !== undefined)
        objects.mergePatch(jobAt(each.name), { spec: { suspend: each.is } });
      return;
    case 'remove':
      if (objects.find(jobAt(each.name)) !== undefined) objects.delete(jobAt(each.name), undefined);
      return;
    case 'diverge':
      for (const { metadata } of world.jobs) {
        if (metadata.name === each.name) world.folders.of(metadata.uid).diverges = true;
      }
      return;
    case 'crash':
      return cluster.crash(each.exit);
    case 'evict':
      return cluster.evict();
    case 'lose':
      return cluster.lose();
    case 'mute':
      world.isMute = each.is;
      return;
    case 'editPool':
      if (world.pool !== undefined) objects.mergePatch(pool, { spec: { jobs: each.jobs } });
      return;
    case 'removePool':
      if (world.pool !== undefined) objects.delete(pool, undefined);
      return;
    case 'createPool':
      return world.createPool(8);
    case 'delete':
      return removeByHand(world, places[each.what]);
    case 'restart':
      return world.restart(each.leader);
    case 'bus':
      if (world.bus !== undefined) world.bus.awaySince = each.away ? world.time : undefined;
      return;
    case 'wipe':
      return world.bus?.wipe();
    default:
      each satisfies never;
  }
}

/** How the jobs ended; throws the sentence of what does not hold. */
export async function poolEnds(events: readonly PoolEvent[], given: PoolGiven) {
  const run = newPoolRun(given);
  const { world, account } = run;
  for (const each of events) {
    await happenToPool(run, each);
    account.holds();
  }
  await calm(run, given);
  await isLeftAlone(world);
  await leaves(run);
  return account.ends;
}

/** Nothing happens any more: each job goes on to its end. */
async function calm({ world, account }: PoolRun, { squatter }: PoolGiven): Promise<void> {
  world.isMute = false;
  if (world.bus !== undefined) world.bus.awaySince = undefined;
  if (squatter !== undefined) account.leaves(places[squatter]);
  world.createPool(2);
  for (const name of names) {
    if (world.objects.find(jobAt(name)) !== undefined)
      world.objects.mergePatch(jobAt(name), { spec: { suspend: false } });
  }
  for (let round = 0; round < 150; round++) {
    await world.turn(0, 4);
    account.holds();
    // As `anneal why` says: a pod that failed for good is made anew by a Job that somebody deletes.
    const ready = world.pool?.status.conditions?.find(({ type }) => type === 'Ready');
    if (ready?.reason === 'PodFailed') removeByHand(world, poolJob);
    if (world.jobs.every(({ status }) => status.phase === 'Succeeded' || status.phase === 'Failed'))
      return;
  }
  const left = world.jobs.map(({ metadata, status }) => `${metadata.name} is ${status.phase}`);
  check(false, `${left.join(', ')}, and nothing is in the way`);
}

/** A pool without jobs has no pod, and nobody writes. */
async function isLeftAlone(world: PoolWorld): Promise<void> {
  for (let round = 0; round < 30; round++) {
    const { version } = world.objects;
    for (let look = 0; look < 3; look++) await world.turn(0, 4);
    if (world.objects.version !== version) continue;
    check(world.cluster.running.length === 0, 'a pool without jobs has a pod');
    return;
  }
  check(false, 'it is written to for ever');
}

async function leaves({ world, account }: PoolRun): Promise<void> {
  for (const name of names) {
    if (world.objects.find(jobAt(name)) !== undefined) world.objects.delete(jobAt(name), undefined);
  }
  world.objects.delete(pool, undefined);
  for (let round = 0; round < 30; round++) await world.turn(0, 4);
  account.holds();
  // What was deleted while the bus was away is the janitor's.
  for (let round = 0; round < 2; round++) await world.janitor(0);
  account.nothingIsLeft();
}

/** One that its owner has; not what is somebody else's. */
function removeByHand(world: PoolWorld, at: (typeof places)[keyof typeof places]): void {
  const found = world.objects.find(at);
  const owner = (metaOf(found ?? {})['ownerReferences'] as { uid?: string }[] | undefined)?.[0];
  if (owner?.uid === world.pool?.metadata.uid && found !== undefined)
    world.objects.delete(at, undefined);
}

function lie({ cluster, jobs }: PoolWorld): void {
  cluster.lies = jobs.map(({ metadata }) => ({ uid: metadata.uid, state: 'Trained' }));
}
