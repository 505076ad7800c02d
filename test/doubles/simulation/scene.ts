// Three workers of one job in virtual time, and whatever may happen to them in whatever order: the
// operator is the real one, each supervisor decides by the real policies, and a training is a chain
// of digests, so that anything lost, done twice or read from the wrong place shows.
import { TransientError } from '../../../crds/failures/errors.ts';
import { progressPart } from '../../../operator/job/progress.ts';
import { metaOf } from '../kube/objects.ts';
import type { Tree } from '../kube/patches.ts';
import { Account, type Budget } from './account.ts';
import type { SimulationEvent } from './events.ts';
import { check, hold, memoryOf } from './invariants.ts';
import { podsAt } from './job-controller.ts';
import { type SimPod, Supervisors } from './supervisors.ts';
import { chainOf } from './trainers.ts';
import { World } from './world.ts';

/** More than any schedule has: whatever is about something else than the budget. */
const lavish: Budget = { maxRestarts: 1000, windowSeconds: 0 };

const replicas = 3;

export class Scene {
  readonly world = new World({ bus: true, leaders: 2 });
  readonly supervisors: Supervisors;
  readonly account: Account;
  /** As what the job ended. */
  end: string | undefined;
  #operatorAway = false;
  #leader = 0;

  constructor(given: Budget = lavish) {
    const { world } = this;
    this.account = new Account(given, () => world.time);
    this.account.incidents.wanted = replicas;
    world.apply({
      'worker.devicesPerWorker': 0,
      'worker.replicas': replicas,
      ...{ 'worker.elasticity': 'Live', 'worker.minReplicas': 1, 'worker.maxReplicas': 4 },
      'failurePolicy.maxRestarts': given.maxRestarts,
      'failurePolicy.restartWindowSeconds': given.windowSeconds,
    });
    if (world.bus === undefined) throw new Error('unreachable');
    this.supervisors = new Supervisors(world, world.bus, this.account);
    world.bus.onState = (before, after) => this.account.written(before, after);
  }

  async pass(seconds: number): Promise<void> {
    const { world } = this;
    for (let second = 0; second < seconds; second += 1) {
      world.time += 1000;
      world.outside();
      if (this.#operatorAway) continue;
      this.#mirror();
      // It looks now and then, as one does that waits for changes to be told.
      if ((world.time / 1000) % 3 !== 0) continue;
      world.deliver(this.#leader);
      this.#hears();
      await this.#reconcile(this.#leader);
      world.deliver(this.#leader);
      this.#hears();
    }
  }

  async #reconcile(leader: number): Promise<void> {
    const { world, account } = this;
    const wasOver = this.end !== undefined;
    account.acts(leader);
    await world.reconcile(leader);
    const { phase, observed } = world;
    if (wasOver || (phase !== 'Succeeded' && phase !== 'Failed')) return;
    const reason = observed?.status.failure?.reason;
    this.end = phase === 'Succeeded' ? phase : String(reason);
    account.ended(phase, reason);
  }

  /** The leader has heard of everything. */
  #hears(): void {
    this.account.sees(this.#leader, this.world.observed?.status);
  }

  /**
   * Checkpoints get into status at their own pace: now before the restarts that they cleared, now
   * after them.
   */
  #mirror(): void {
    const { world } = this;
    const [job] = world.bus?.jobs() ?? [];
    if (job === undefined || world.bus === undefined || (world.time / 1000) % 4 !== 0) return;
    const { checkpoint } = progressPart(undefined, world.bus.facts(job), { now: world.time });
    if (checkpoint !== undefined) world.mirrorCheckpoint(checkpoint);
  }

  async happen(each: SimulationEvent): Promise<void> {
    const { world, supervisors } = this;
    switch (each.type) {
      case 'pass':
        return this.pass(each.seconds);
      case 'killTrainer':
        return this.#with(each.who, (pod) => supervisors.killTrainer(pod));
      case 'crashLoop':
        for (let time = 0; time < each.times; time += 1) {
          this.#with(each.who, (pod) =>
            each.code === undefined
              ? supervisors.killTrainer(pod)
              : supervisors.endPod(pod, each.code),
          );
          await this.pass(each.seconds);
        }
        return;
      case 'killPod':
        return this.#with(each.who, (pod) => supervisors.endPod(pod, each.code));
      case 'lose':
        return this.#with(each.who, (pod) => world.controller.lose(treeOf(world, pod) ?? {}));
      case 'evict':
        return this.#with(each.who, (pod) => {
          this.account.incidents.disruption('a pod is evicted');
          world.controller.evict(treeOf(world, pod) ?? {});
        });
      case 'terminate':
        return this.#with(each.who, (pod) => {
          pod.terminateBy ??= world.time + 25_000;
          this.account.incidents.disruption('a pod is to end');
        });
      case 'freeze':
        return this.#with(each.who, (pod) => {
          pod.isFrozen = true;
          this.account.incidents.silent(pod.joined);
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
      case 'loseOperatorWrites':
        this.#losesWrites(each.count, each.takeEffect);
        return;
      case 'bus':
        if (world.bus !== undefined) world.bus.awaySince = each.away ? world.time : undefined;
        return;
      case 'suspend':
        world.edit({ suspend: each.suspend });
        this.account.incidents.disruption('it is suspended or resumed');
        return;
      case 'operator':
        this.#operatorAway = each.away;
        return;
      case 'scale':
        world.edit({ worker: { replicas: each.replicas } });
        this.account.incidents.resized(each.replicas);
        return;
      case 'wipe':
        this.account.wiped();
        world.bus?.wipe();
        supervisors.forget();
        return;
      case 'damage':
        if (supervisors.trainers.files.size === 0) return;
        this.account.isDamaged = true;
        supervisors.trainers.damage();
        return;
      case 'takeOver':
        this.#leader = 1 - this.#leader;
        world.restart(this.#leader);
        this.#hears();
        return;
      case 'late':
        world.deliver(1 - this.#leader, each.sees);
        await this.#reconcile(1 - this.#leader);
        return;
      default:
        each satisfies never;
    }
  }

  #losesWrites(count: number, takeEffect: boolean): void {
    const { bus } = this.world;
    if (bus === undefined) return;
    let left = count;
    bus.fault = (what, effect) => {
      left -= 1;
      if (left < 0 || takeEffect) effect();
      if (left < 0) return;
      throw new TransientError({ code: 'E_BUS_UNAVAILABLE', message: `${what}: no answer` });
    };
  }

  /** Nothing happens any more: the job goes on to its end. */
  async calm(): Promise<void> {
    await this.happen({ type: 'thaw' });
    await this.happen({ type: 'see' });
    await this.happen({ type: 'bus', away: false });
    await this.happen({ type: 'operator', away: false });
    this.world.edit({ suspend: false });
    this.supervisors.lostWrites = 0;
    this.#losesWrites(0, false);
    for (let round = 0; round < 400; round += 1) {
      if (this.end !== undefined) return;
      await this.pass(5);
    }
  }

  /** The committed checkpoint is there, and holds what an undisturbed training has at its step. */
  holdOfFiles(): void {
    const [job] = this.world.bus?.jobs() ?? [];
    const head = job === undefined ? undefined : this.world.bus?.of(job).state?.checkpoint;
    if (head === undefined || this.account.isDamaged || this.account.isBehind) return;
    const chain = this.supervisors.trainers.files.get(`${head.round}/${head.step}`);
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
  /** Reason of its end. */
  readonly end: string;
  /** How often a rank went on from a copy in memory. */
  readonly fromCopies: number;
}

/** How the job came to its end after all of them; throws the sentence of what does not hold. */
export async function survives(
  events: readonly SimulationEvent[],
  given: Budget = lavish,
): Promise<Survival> {
  const scene = new Scene(given);
  await scene.pass(12);
  const memory = memoryOf(scene.world);
  const holds = () => {
    // I8 is in the books here, which know of wipes and of damage.
    memory.step = 0;
    scene.account.holds();
    hold(scene.world, memory, Number.POSITIVE_INFINITY);
    scene.holdOfFiles();
  };
  for (const each of events) {
    await scene.happen(each);
    holds();
  }
  await scene.calm();
  holds();
  const { end, world, supervisors } = scene;
  if (end === undefined) throw new Error(`it is ${world.phase}, and nothing is in its way`);
  return { end, fromCopies: supervisors.trainers.restoredCopies };
}
