// Supervisors of simulated pods: they decide by the supervisor's own policies and write by its own
// functions; what they see may be old, and what they write may be lost. In place of revisions,
// records are compared by identity: each write makes a new one.

import type { FailurePolicy } from '../../../crds/api/policy.ts';
import { Exit } from '../../../crds/failures/table.ts';
import { digestOf } from '../../../crds/plan/digest.ts';
import { copyNameText } from '../../../crds/wire/copies.ts';
import type { AckRecord, StateRecord, WorldRecord } from '../../../crds/wire/state.ts';
import { type JobOnBus, keys } from '../../../crds/wire/subjects.ts';
import { timeText } from '../../../operator/runtime/conditions.ts';
import { decide } from '../../../worker/supervisor/decide.ts';
import { failureWith } from '../../../worker/supervisor/end-of-child.ts';
import { worldIn } from '../../../worker/supervisor/rank-assignment.ts';
import { memberKey, noRecords, partsOf, type Records } from '../../../worker/supervisor/records.ts';
import { caughtUp, type Mark } from '../../../worker/supervisor/remembered.ts';
import { membersOf } from '../../../worker/supervisor/rendezvous.ts';
import type { Action, Situation } from '../../../worker/supervisor/situation.ts';
import {
  withCheckpoint,
  withFailure,
  withRound,
  withSuccess,
  withWorld,
  worldOf,
} from '../../../worker/supervisor/state-changes.ts';
import { aPolicy } from '../../builders/situation.ts';
import { metaOf } from '../kube/objects.ts';
import type { Tree } from '../kube/patches.ts';
import type { Account } from './account.ts';
import { check } from './invariants.ts';
import { indexOf, labelsOf, podsAt, statusOf } from './job-controller.ts';
import type { JobRecords, MemoryBus } from './memory-bus.ts';
import { type Copies, type SimTrainer, Trainers } from './trainers.ts';
import type { World } from './world.ts';

export interface SimPod {
  readonly uid: string;
  readonly index: number;
  readonly workerRevision: number;
  readonly bootAt: number;
  joined: number;
  terminateBy: number | undefined;
  trainer: SimTrainer | undefined;
  isFrozen: boolean;
  /** In its memory, which goes with it. */
  readonly copies: Copies;
  /** Does not hear of changes. */
  isBlind: boolean;
  /** The records as it saw them last; its writes must find the state unchanged. */
  seen: Records | undefined;
  exit: number | undefined;
}

/** A supervisor decides so often before it must wait for something. */
const mostActions = 30;

export class Supervisors {
  readonly trainers: Trainers;
  readonly pods = new Map<string, SimPod>();
  readonly #world: World;
  readonly #bus: MemoryBus;
  readonly #lists = new Map<string, WorldRecord>();
  readonly #heartbeats = new Map<string, number>();
  readonly #account: Account;
  /** When the bus came back, to the second: one that has is given time before others are missed. */
  #back = 0;
  #policy: FailurePolicy | undefined;
  /** What the volume remembers of the last commit. */
  #mark: Mark | undefined;
  /** How many of the next writes are lost. */
  lostWrites = 0;
  /**
   * Whether a write must name what it replaces; false only where a test shows what that is good
   * for.
   */
  isFenced = true;

  constructor(world: World, bus: MemoryBus, account: Account) {
    this.#world = world;
    this.#bus = bus;
    this.#account = account;
    this.trainers = new Trainers(
      () => world.time,
      (trainer, ending) => {
        if (typeof ending === 'object')
          account.incidents.trainerEnded(ending.code, trainer.state.round);
      },
    );
    world.script = (pod) => this.#endOf(pod);
    world.workers = () => this.step();
  }

  /** Pods that run come to a decision, trainers do a step. */
  step(): void {
    if (this.#bus.awaySince !== undefined) this.#back = this.#world.time + 1000;
    this.#newPods();
    for (const pod of this.pods.values()) this.#act(pod);
    this.trainers.tick();
    for (const pod of this.pods.values()) this.#act(pod);
  }

  /** Those that run, by index. */
  get alive(): readonly SimPod[] {
    return [...this.pods.values()]
      .filter(({ exit }) => exit === undefined)
      .sort((a, b) => a.index - b.index);
  }

  /** The bus has lost its storage, and what pods have heard by now is gone from it. */
  forget(): void {
    this.#lists.clear();
  }

  killTrainer(pod: SimPod): void {
    if (pod.trainer !== undefined)
      this.trainers.end(pod.trainer, failureWith('E_CRASHED', 'killed'));
  }

  /** Its container ends with this code. */
  endPod(pod: SimPod, code: number): void {
    const { incidents } = this.#account;
    if (pod.trainer !== undefined) this.trainers.end(pod.trainer, 'Stopped');
    pod.exit = code;
    if (code === Exit.Done || code === Exit.PlannedStop)
      incidents.disruption(`pod ${pod.index} went`);
    else incidents.podEnded(code, pod.joined);
  }

  #endOf(tree: Tree): { readonly exit: number } | undefined {
    if (labelsOf(tree)['anneal.dev/component'] !== 'worker') return { exit: 0 };
    const exit = this.pods.get(String(metaOf(tree)['uid']))?.exit;
    return exit === undefined ? undefined : { exit };
  }

  #newPods(): void {
    const there = new Set<string>();
    for (const tree of this.#world.objects.all(podsAt)) {
      if (labelsOf(tree)['anneal.dev/component'] !== 'worker') continue;
      if (statusOf(tree).phase !== 'Running') continue;
      const uid = String(metaOf(tree)['uid']);
      there.add(uid);
      if (!this.pods.has(uid)) this.pods.set(uid, this.#newPod(uid, tree));
    }
    for (const [uid, pod] of this.pods) if (!there.has(uid)) this.#gone(uid, pod);
  }

  #newPod(uid: string, tree: Tree): SimPod {
    return {
      ...{ uid, index: indexOf(tree), bootAt: this.#world.time, joined: 0 },
      workerRevision: Number(labelsOf(tree)['anneal.dev/worker-revision']),
      ...{ terminateBy: undefined, trainer: undefined, isFrozen: false, isBlind: false },
      ...{ seen: undefined, exit: undefined, copies: new Map() },
    };
  }

  /** Without a word, as with a node; a zombie is one that is only frozen. */
  #gone(uid: string, { trainer, joined }: SimPod): void {
    this.#account.incidents.disruption('a pod is gone');
    // Its heartbeats stop as well, which the others may notice first.
    this.#account.incidents.silent(joined);
    if (trainer !== undefined) this.trainers.end(trainer, 'Stopped');
    this.pods.delete(uid);
  }

  #act(pod: SimPod): void {
    if (pod.isFrozen) return;
    if (this.#bus.awaySince === undefined) this.#heartbeats.set(pod.uid, this.#world.time);
    for (let count = 0; count < mostActions && pod.exit === undefined; count += 1) {
      if (!pod.isBlind || pod.seen === undefined) pod.seen = this.#look(pod);
      const situation = this.#situation(pod, pod.seen);
      const action = decide(situation);
      if (action.type === 'Wait') return;
      this.#perform(pod, action, situation);
      // What a pod wrote it knows, and what won over it is read at once.
      pod.seen = this.#look(pod);
    }
    check(pod.exit !== undefined, `pod ${pod.index} goes round in circles`);
  }

  #job(): JobOnBus {
    const { uid = '', namespace = '' } = metaOf(this.#world.find() ?? {}) as Partial<JobOnBus>;
    return { namespace, uid };
  }

  #look({ seen }: SimPod): Records {
    if (this.#bus.awaySince !== undefined) return seen ?? noRecords;
    const { state, desired, members, acks } = this.#bus.of(this.#job());
    const round = state?.round ?? 0;
    const revision = 1;
    const stored = <T>(map: ReadonlyMap<number, T>) =>
      new Map([...map].map(([index, record]) => [memberKey(round, index), { record, revision }]));
    const lists = [...this.#lists].map(([key, record]) => {
      return [partsOf(key).suffix, { record, revision }] as const;
    });
    return {
      ...noRecords,
      ...(state === undefined ? {} : { state: { record: state, revision } }),
      ...(desired === undefined ? {} : { desired: { record: desired, revision } }),
      ...{ members: stored(members), acks: stored(acks), worlds: new Map(lists) },
    };
  }

  #situation(pod: SimPod, records: Records): Situation {
    const { uid: podUID, index, workerRevision, bootAt, joined, terminateBy, trainer } = pod;
    const { awaySince } = this.#bus;
    return {
      now: this.#world.time,
      me: { index, podUID, workerRevision, bootAt },
      policy: this.#policyNow(),
      recomputesAll: false,
      busOutageMs: 900_000,
      patienceMs: 30_000,
      bus: { connected: awaySince === undefined, since: awaySince ?? Math.max(bootAt, this.#back) },
      ...{ records, joined, terminateBy, heartbeats: this.#heartbeats },
      ...{ paces: new Map(), toldPace: undefined },
      trainer: trainer?.state ?? { type: 'None' },
    };
  }

  /** No schedule changes it. */
  #policyNow(): FailurePolicy {
    this.#policy ??= aPolicy({ ...this.#world.observed?.spec?.failurePolicy });
    return this.#policy;
  }

  #perform(pod: SimPod, action: Exclude<Action, { type: 'Wait' }>, situation: Situation): void {
    const { trainer } = pod;
    switch (action.type) {
      case 'Exit':
        this.endPod(pod, action.code);
        return;
      case 'Join':
        this.#join(pod, action);
        return;
      case 'CommitWorld':
        this.#commitWorld(pod, situation);
        return;
      case 'Start':
        this.#start(pod, action);
        return;
      case 'Ask':
        if (trainer?.state.type === 'Running') {
          trainer.state = {
            ...trainer.state,
            ...(action.what === 'stop'
              ? { asked: 'Stop' as const }
              : { save: { asked: action.value, done: false } }),
          };
        }
        return;
      case 'Kill':
        if (trainer === undefined) return;
        this.trainers.end(
          trainer,
          action.why === 'Hang' ? failureWith('E_HANG', 'hung') : 'Stopped',
        );
        return;
      case 'Open': {
        const opened = { by: pod.uid, cause: action.cause, at: this.#time() };
        this.#change(pod, (state) => withRound(state, opened, action.change));
        return;
      }
      case 'Commit':
        this.#commit(pod, action);
        return;
      case 'Fail':
        this.#change(pod, (state) => withFailure(state, action.failure, pod.index));
        return;
      case 'Acknowledge':
        this.#acknowledge(pod, action.change);
        return;
      case 'Forget':
        pod.trainer = undefined;
        return;
      case 'TellPace':
        throw new Error('nobody has a pace here');
      default:
        action satisfies never;
    }
  }

  #join(pod: SimPod, { round, over }: Extract<Action, { type: 'Join' }>): void {
    const records = this.#records();
    if (records === undefined || records.state?.round !== round) return;
    if (records.members.has(pod.index) !== (over !== undefined)) return;
    records.members.set(pod.index, {
      ...{ v: 1, podUID: pod.uid, podIP: `10.0.0.${pod.index + 1}`, port: 1, node: 'n' },
      ...{
        devices: [],
        copyPort: 1,
        copies: [...pod.copies.keys()],
        bootAt: timeText(pod.bootAt),
        protocol: [1, 1],
      },
    });
    pod.joined = round;
  }

  #commitWorld(pod: SimPod, situation: Situation): void {
    const known = situation.records.state?.record;
    const round = known?.round ?? 0;
    const remembered = { mark: this.#mark, round: this.trainers.newest };
    const opened = { by: pod.uid, at: this.#time() };
    if (known !== undefined && caughtUp(known, remembered, opened) !== undefined) {
      this.#change(pod, (state) => caughtUp(state, remembered, opened) ?? state);
      return;
    }
    const members = membersOf(situation);
    const list = worldOf(members, situation.records.state?.record.checkpoint);
    const key = keys.world(this.#job(), round, pod.index);
    this.#lists.set(key, list);
    const world = { key, digest: digestOf(list), size: members.length };
    this.#change(pod, (state) => withWorld(state, world, this.#time()));
  }

  #start(pod: SimPod, { round, assignment }: Extract<Action, { type: 'Start' }>): void {
    const { seen = noRecords } = pod;
    const list = worldIn(seen);
    if (list === undefined) throw new Error('started without a world');
    const checkpoint = seen.state?.record.checkpoint;
    if (assignment.rank === 0) this.trainers.openRound(round, checkpoint);
    const next = list.order[(assignment.rank + 1) % assignment.size];
    pod.trainer = this.trainers.start(round, {
      ...{ assignment, list, copies: pod.copies, isFrozen: () => pod.isFrozen },
      peer: () => (assignment.size === 1 ? undefined : this.#memoryOf(list, next)),
      copy: this.#copyFor(list, assignment.rank),
    });
    const isDamaged =
      checkpoint !== undefined &&
      this.trainers.damaged.has(`${checkpoint.round}/${checkpoint.step}`);
    check(
      isDamaged || pod.trainer.step >= (checkpoint?.step ?? 0),
      `round ${round} goes on after step ${pod.trainer.step}, committed is ${checkpoint?.step}`,
    );
  }

  #copyFor({ restore, ...list }: WorldRecord, rank: number): SimTrainer['copy'] {
    if (restore === undefined) return undefined;
    const { holders, ...moment } = restore;
    // One of another size needs the parts of all ranks.
    const ranks = moment.size === list.order.length ? [rank] : holders.map((_, each) => each);
    const chains = ranks.map((each) =>
      this.#memoryOf(list, holders[each])?.get(copyNameText({ ...moment, rank: each })),
    );
    return { step: moment.step, chain: chains.includes(undefined) ? undefined : chains[0] };
  }

  /** Of a member that is still there. */
  #memoryOf({ members }: Pick<WorldRecord, 'members'>, index: number | undefined) {
    const uid = members.find((member) => member.index === index)?.podUID;
    return uid === undefined ? undefined : this.pods.get(uid)?.copies;
  }

  #commit(pod: SimPod, { saved, result }: Extract<Action, { type: 'Commit' }>): void {
    const round = pod.trainer?.state.round ?? 0;
    const manifest = `round-${round}/step-${saved.step}`;
    const head = { step: saved.step, round, manifest, digest: 'd', time: this.#time() };
    const committed = this.#change(pod, (state) => {
      check(
        state.round === round,
        `I9: a trainer of round ${round} commits in round ${state.round}`,
      );
      const next = withCheckpoint(state, head, undefined);
      return result === undefined ? next : withSuccess(next, result);
    });
    const { state } = this.#bus.of(this.#job());
    if (committed && state !== undefined) this.#mark = { head, restarts: state.restarts };
  }

  #acknowledge(pod: SimPod, change: Partial<AckRecord>): void {
    const records = this.#records();
    const round = pod.seen?.state?.record.round;
    if (records === undefined || records.state?.round !== round) return;
    const before = records.acks.get(pod.index);
    const own = before?.podUID === pod.uid ? before : undefined;
    records.acks.set(pod.index, {
      ...{ v: 1, podUID: pod.uid, opened: false, restored: false, saved: 0, finished: false },
      ...own,
      ...change,
    });
  }

  /** False where the write did not take effect. */
  #change(pod: SimPod, change: (state: StateRecord) => StateRecord): boolean {
    const records = this.#records();
    const known = pod.seen?.state?.record;
    if (records?.state === undefined || known === undefined) return false;
    if (this.isFenced && records.state !== known) return false;
    const next = structuredClone(change(this.isFenced ? known : records.state));
    this.#bus.put(this.#job(), next);
    return true;
  }

  #records(): JobRecords | undefined {
    if (this.#bus.awaySince !== undefined) return undefined;
    if (this.lostWrites > 0) {
      this.lostWrites -= 1;
      return undefined;
    }
    return this.#bus.of(this.#job());
  }

  #time(): string {
    return timeText(this.#world.time);
  }
}
