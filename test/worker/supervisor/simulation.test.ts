// Operator, supervisors, trainers and their store in virtual time: three workers of one job, and whatever may happen to them in whatever order.
// The operator is the real one, each supervisor decides by the real policies, and a training is a chain of digests, so that anything lost, done
// twice or read from the wrong place shows at the end. The same schedules are drawn at every run; ANNEAL_SIMULATIONS=10000 draws as many others,
// and a schedule that fails is printed with its seed.
import test from 'ava';
import fc from 'fast-check';
import { metaOf } from '../../doubles/kube/objects.ts';
import { check, hold, memoryOf } from '../../doubles/simulation/invariants.ts';
import { podsAt } from '../../doubles/simulation/job-controller.ts';
import { type SimPod, Supervisors } from '../../doubles/simulation/supervisors.ts';
import { chainOf, totalSteps } from '../../doubles/simulation/trainers.ts';
import { World } from '../../doubles/simulation/world.ts';

const asked = process.env['ANNEAL_SIMULATIONS'];
const report = {
  includeErrorInReport: true,
  numRuns: Number(asked ?? 500),
  ...(asked === undefined ? { seed: 11 } : {}),
} as const;

const who = fc.nat(2);
const happening = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('pass' as const),
      seconds: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('killTrainer' as const), who }) },
  fc.record({ type: fc.constant('lose' as const), who }),
  fc.record({ type: fc.constant('evict' as const), who }),
  fc.record({ type: fc.constant('terminate' as const), who }),
  fc.record({ type: fc.constant('freeze' as const), who }),
  { weight: 2, arbitrary: fc.constant({ type: 'thaw' as const }) },
  fc.record({ type: fc.constant('blind' as const), who }),
  { weight: 2, arbitrary: fc.constant({ type: 'see' as const }) },
  fc.record({ type: fc.constant('loseWrites' as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ type: fc.constant('bus' as const), away: fc.boolean() }),
  fc.record({ type: fc.constant('suspend' as const), suspend: fc.boolean() }),
  fc.record({ type: fc.constant('operator' as const), away: fc.boolean() }),
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('scale' as const),
      replicas: fc.integer({ min: 1, max: 4 }),
    }),
  },
);
type Happening = typeof happening extends fc.Arbitrary<infer E> ? E : never;

class Scene {
  readonly world = new World({ bus: true });
  readonly supervisors: Supervisors;
  #operatorAway = false;

  constructor() {
    const { world } = this;
    world.apply({
      'worker.devicesPerWorker': 0,
      'worker.replicas': 3,
      ...{ 'worker.elasticity': 'Live', 'worker.minReplicas': 1, 'worker.maxReplicas': 4 },
      'failurePolicy.maxRestarts': 1000,
      'failurePolicy.restartWindowSeconds': 0,
    });
    if (world.bus === undefined) throw new Error('unreachable');
    this.supervisors = new Supervisors(world, world.bus);
  }

  async pass(seconds: number): Promise<void> {
    const { world } = this;
    for (let second = 0; second < seconds; second += 1) {
      world.time += 1000;
      world.outside();
      if (this.#operatorAway) continue;
      world.deliver();
      await world.reconcile();
      world.deliver();
    }
  }

  async happen(each: Happening): Promise<void> {
    const { world, supervisors } = this;
    switch (each.type) {
      case 'pass':
        return this.pass(each.seconds);
      case 'killTrainer':
        return this.#with(each.who, (pod) => supervisors.killTrainer(pod));
      case 'lose':
        return this.#with(each.who, (pod) => world.controller.lose(treeOf(world, pod)));
      case 'evict':
        return this.#with(each.who, (pod) => world.controller.evict(treeOf(world, pod)));
      case 'terminate':
        return this.#with(each.who, (pod) => {
          pod.terminateBy ??= world.time + 25_000;
        });
      case 'freeze':
        return this.#with(each.who, (pod) => {
          pod.isFrozen = true;
        });
      case 'thaw':
        for (const pod of supervisors.alive) pod.isFrozen = false;
        return;
      case 'blind':
        return this.#with(each.who, (pod) => {
          pod.isBlind = true;
        });
      case 'see':
        for (const pod of supervisors.alive) pod.isBlind = false;
        return;
      case 'loseWrites':
        supervisors.lostWrites = each.count;
        return;
      case 'bus':
        if (world.bus !== undefined) world.bus.awaySince = each.away ? world.time : undefined;
        return;
      case 'suspend':
        world.edit({ suspend: each.suspend });
        return;
      case 'operator':
        this.#operatorAway = each.away;
        return;
      case 'scale':
        world.edit({ worker: { replicas: each.replicas } });
        return;
      default:
        each satisfies never;
    }
  }

  /** Nothing happens any more: the job goes on to its end. */
  async calm(): Promise<void> {
    await this.happen({ type: 'thaw' });
    await this.happen({ type: 'see' });
    await this.happen({ type: 'bus', away: false });
    await this.happen({ type: 'operator', away: false });
    this.world.edit({ suspend: false });
    this.supervisors.lostWrites = 0;
    for (let round = 0; round < 400; round += 1) {
      if (['Succeeded', 'Failed'].includes(this.world.phase ?? '')) return;
      await this.pass(5);
    }
  }

  /** The committed checkpoint is there, and holds what an undisturbed training has at its step. */
  holdOfFiles(): void {
    const [job] = this.world.bus?.jobs() ?? [];
    const head = job === undefined ? undefined : this.world.bus?.of(job).state?.checkpoint;
    if (head === undefined) return;
    const chain = this.supervisors.trainers.files.get(`${head.generation}/${head.step}`);
    check(chain !== undefined, `the committed checkpoint of step ${head.step} is gone`);
    check(chain === chainOf(head.step), `the checkpoint of step ${head.step} holds something else`);
  }

  #with(who: number, act: (pod: SimPod) => void): void {
    const pod = this.supervisors.alive.at(who);
    if (pod !== undefined) act(pod);
  }
}

function treeOf(world: World, { uid }: SimPod) {
  const found = world.objects.all(podsAt).find((tree) => metaOf(tree)['uid'] === uid);
  if (found === undefined) throw new Error(`pod ${uid} is not there`);
  return found;
}

test('workers that nothing happens to train to the end in one generation', async (t) => {
  const scene = new Scene();
  await scene.calm();
  t.is(scene.world.phase, 'Succeeded');
  const [job] = scene.world.bus?.jobs() ?? [];
  const state = job === undefined ? undefined : scene.world.bus?.of(job).state;
  t.like(state, { generation: 1, world: { size: 3 }, result: { step: totalSteps } });
  scene.holdOfFiles();
});

test('whatever happens to workers, operator and bus: nothing is lost, and the job comes to its end', async (t) => {
  let failed = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 8, maxLength: 40, size: 'max' }),
      async (events) => {
        const scene = new Scene();
        await scene.pass(12);
        const memory = memoryOf(scene.world);
        for (const each of events) {
          await scene.happen(each);
          hold(scene.world, memory, 1000);
          scene.holdOfFiles();
        }
        await scene.calm();
        hold(scene.world, memory, 1000);
        scene.holdOfFiles();
        const { phase, observed } = scene.world;
        const reason = observed?.status.failure?.reason;
        // Three restarts in a row without a checkpoint between them end a job; some schedules are that rude.
        check(phase === 'Succeeded' || reason === 'NoProgress', `it is ${phase} of ${reason}`);
        if (phase === 'Failed') failed += 1;
      },
    ),
    report,
  );
  t.log(`${failed} of ${report.numRuns} jobs ended for want of progress`);
  t.pass();
});

test('without the fence, a worker that was replaced spoils the job', async (t) => {
  const spoiled = async (events: readonly Happening[]): Promise<boolean> => {
    const scene = new Scene();
    scene.supervisors.isFenced = false;
    await scene.pass(12);
    try {
      for (const each of events) {
        await scene.happen(each);
        scene.holdOfFiles();
      }
      return false;
    } catch {
      return true;
    }
  };
  const events = fc.sample(fc.array(happening, { minLength: 20, maxLength: 40, size: 'max' }), {
    ...{ seed: 11, numRuns: 60 },
  });
  let count = 0;
  for (const each of events) if (await spoiled(each)) count += 1;
  t.true(count > 0, 'the fence was not needed in any of 60 schedules');
  t.log(`${count} of 60`);
});
