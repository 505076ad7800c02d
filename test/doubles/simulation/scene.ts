// Three workers of one job in virtual time, and whatever may happen to them in whatever order: the operator is the real one, each supervisor
// decides by the real policies, and a training is a chain of digests, so that anything lost, done twice or read from the wrong place shows.
import fc from 'fast-check';
import { metaOf } from '../kube/objects.ts';
import type { Tree } from '../kube/patches.ts';
import { check, hold, memoryOf } from './invariants.ts';
import { podsAt } from './job-controller.ts';
import { type SimPod, Supervisors } from './supervisors.ts';
import { chainOf } from './trainers.ts';
import { World } from './world.ts';

/** More than any schedule has. */
const maxRestarts = 1000;

const who = fc.nat(2);
export const happening = fc.oneof(
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
export type Happening = typeof happening extends fc.Arbitrary<infer E> ? E : never;

export class Scene {
  readonly world = new World({ bus: true });
  readonly supervisors: Supervisors;
  #operatorAway = false;

  constructor() {
    const { world } = this;
    world.apply({
      'worker.devicesPerWorker': 0,
      'worker.replicas': 3,
      ...{ 'worker.elasticity': 'Live', 'worker.minReplicas': 1, 'worker.maxReplicas': 4 },
      'failurePolicy.maxRestarts': maxRestarts,
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
      // It looks now and then, as one does that waits for changes to be told.
      if (this.#operatorAway || (world.time / 1000) % 3 !== 0) continue;
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
        return this.#with(each.who, (pod) => world.controller.lose(treeOf(world, pod) ?? {}));
      case 'evict':
        return this.#with(each.who, (pod) => world.controller.evict(treeOf(world, pod) ?? {}));
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
    const there = this.supervisors.alive.filter((pod) => treeOf(this.world, pod) !== undefined);
    const pod = there.at(who);
    if (pod !== undefined) act(pod);
  }
}

/** Undefined for one that was removed a moment ago, which its supervisor does not know yet. */
function treeOf(world: World, { uid }: SimPod): Tree | undefined {
  return world.objects.all(podsAt).find((tree) => metaOf(tree)['uid'] === uid);
}

interface Survival {
  /** Else it ended for want of progress. */
  readonly isWell: boolean;
  /** How often a rank went on from a copy in memory. */
  readonly fromCopies: number;
}

/** How the job came to its end after all of them; throws the sentence of what does not hold. */
export async function survives(events: readonly Happening[]): Promise<Survival> {
  const scene = new Scene();
  await scene.pass(12);
  const memory = memoryOf(scene.world);
  for (const each of events) {
    await scene.happen(each);
    hold(scene.world, memory, maxRestarts);
    scene.holdOfFiles();
  }
  await scene.calm();
  hold(scene.world, memory, maxRestarts);
  scene.holdOfFiles();
  const { phase, observed } = scene.world;
  const reason = observed?.status.failure?.reason;
  // Three restarts in a row without a checkpoint between them end a job; some schedules are that rude.
  check(phase === 'Succeeded' || reason === 'NoProgress', `it is ${phase} of ${reason}`);
  const fromCopies = scene.supervisors.trainers.restoredCopies;
  return { isWell: phase === 'Succeeded', fromCopies };
}

/** Of them, so many are drawn: all at once where they fail, with the seed. */
export async function surviveAll(report: fc.Parameters<[Happening[]]>) {
  const count = { failed: 0, fromCopies: 0 };
  const events = fc.array(happening, { minLength: 8, maxLength: 40, size: 'max' });
  await fc.assert(
    fc.asyncProperty(events, async (each) => {
      const { isWell, fromCopies } = await survives(each);
      count.failed += Number(!isWell);
      count.fromCopies += fromCopies;
    }),
    { includeErrorInReport: true, ...report },
  );
  return count;
}
