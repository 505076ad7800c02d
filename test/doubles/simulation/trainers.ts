// Trainers of simulated pods, and the folder that they share: a training is a chain of digests, one
// link a step, so that whatever was lost, done twice or read from the wrong place shows in the last
// link. All ranks of a world step together or not at all.
import { createHash } from 'node:crypto';
import { copyNameText, parseCopyName } from '../../../crds/wire/copies.ts';
import type { CheckpointHead, WorldRecord } from '../../../crds/wire/state.ts';
import { failureWith } from '../../../worker/supervisor/end-of-child.ts';
import type { RankAssignment } from '../../../worker/supervisor/rank-assignment.ts';
import type { TrainerState } from '../../../worker/supervisor/situation.ts';
import { check } from './invariants.ts';

export const totalSteps = 30;
const saveEvery = 4;
const hangMs = 60_000;

export type Copies = Map<string, string>;

type Ending = Extract<TrainerState, { type: 'Ended' }>['ending'];

/** In the folder of a round. */
interface Found {
  step: number;
  chain: string;
  /** Of the newest checkpoint that it saved or found. */
  savedStep: number;
  /** There are checkpoints, and none can be read. */
  hasNoneWhole: boolean;
}

export interface SimTrainer extends Found {
  state: Exclude<TrainerState, { type: 'None' }>;
  readonly assignment: RankAssignment;
  readonly list: WorldRecord;
  readonly isFrozen: () => boolean;
  /** Copies of the state in the memory of its pod, by name. */
  readonly copies: Copies;
  /** Memory of the pod of the next rank, where that is there. */
  readonly peer: () => Copies | undefined;
  /**
   * What its world wants to go on from, and whether it could be had; until all of them are there.
   */
  copy: { readonly step: number; readonly chain: string | undefined } | undefined;
  /** Since when its world is not whole. */
  alone: number | undefined;
}

/** What so many steps without any fault make. */
export function chainOf(steps: number): string {
  let chain = '';
  for (let step = 1; step <= steps; step += 1) chain = linked(chain, step);
  return chain;
}

function linked(chain: string, step: number): string {
  return createHash('sha256').update(`${chain} ${step}`).digest('hex');
}

export class Trainers {
  /** By round and step: what a checkpoint holds. */
  readonly files = new Map<string, string>();
  readonly running = new Set<SimTrainer>();
  /** Names of checkpoints whose bytes are not what they were. */
  readonly damaged = new Set<string>();
  /** How often a rank went on from a copy. */
  restoredCopies = 0;
  /** Newest that trained: its folder is on the volume. */
  newest = 0;
  readonly #now: () => number;
  readonly #onEnd: (trainer: SimTrainer, ending: Ending) => void;

  constructor(now: () => number, onEnd: (trainer: SimTrainer, ending: Ending) => void) {
    this.#now = now;
    this.#onEnd = onEnd;
  }

  /** The newest checkpoint is damaged; all names of it, which are of the same bytes. */
  damage(): void {
    const found = [...this.files.keys()].filter((key) => !this.damaged.has(key)).map(partsOf);
    const step = Math.max(...found.map((each) => each.step));
    for (const each of found) {
      if (each.step === step) this.damaged.add(`${each.round}/${each.step}`);
    }
  }

  /**
   * Does what round-folder.ts does: the committed checkpoints under a further name, the rest
   * forgotten.
   */
  openRound(round: number, head: CheckpointHead | undefined): void {
    for (const [key, chain] of this.#of(head?.round)) {
      const { step } = partsOf(key);
      if (head === undefined || step > head.step) continue;
      this.files.set(`${round}/${step}`, chain);
      if (this.damaged.has(key)) this.damaged.add(`${round}/${step}`);
    }
    this.newest = Math.max(this.newest, round);
    for (const key of [...this.files.keys()]) {
      const { round: of } = partsOf(key);
      if (of < round && of !== head?.round) this.files.delete(key);
    }
  }

  start(round: number, given: Omit<SimTrainer, 'state' | 'alone' | keyof Found>): SimTrainer {
    const trainer: SimTrainer = {
      ...{ ...given, ...this.#found(round), alone: undefined },
      state: {
        ...{ type: 'Running', round, asked: 'Nothing', save: { asked: 0, done: false } },
        ...{ since: this.#now(), restored: false, saved: undefined },
        hangsAt: this.#now() + hangMs,
      },
    };
    this.running.add(trainer);
    return trainer;
  }

  #found(round: number): Found {
    const stored = [...this.#of(round)].map(([key]) => key);
    const whole = stored.filter((key) => !this.damaged.has(key));
    const step = Math.max(0, ...whole.map((key) => partsOf(key).step));
    const chain = this.files.get(`${round}/${step}`) ?? '';
    return { step, chain, savedStep: step, hasNoneWhole: stored.length > 0 && whole.length === 0 };
  }

  end(trainer: SimTrainer, ending: Ending): void {
    if (trainer.state.type !== 'Running') return;
    this.#onEnd(trainer, ending);
    const { round, saved } = trainer.state;
    const isResult = ending === 'Done' && trainer.assignment.rank === 0;
    const result = isResult ? ({ reason: 'Finished', step: totalSteps } as const) : undefined;
    this.running.delete(trainer);
    trainer.state = { type: 'Ended', round, ending, at: this.#now(), saved, result };
  }

  /** A second passes: every world that is whole does a step. */
  tick(): void {
    for (const [, world] of Map.groupBy(this.running, ({ state }) => state.round)) {
      const awake = world.filter((each) => !each.isFrozen());
      const [first] = awake;
      if (first === undefined) continue;
      if (awake.length === first.list.order.length) this.#stepTogether(awake);
      else for (const each of awake) this.#wait(each, awake.length < world.length);
    }
  }

  /**
   * Who waits for a process that is gone hears of it at once; for one that stands still, when the
   * time is over.
   */
  #wait(trainer: SimTrainer, isFrozen: boolean): void {
    // Not all have been there yet: whoever comes late is waited for.
    if (trainer.alone === undefined && !this.#isRestored(trainer)) return;
    trainer.alone ??= this.#now();
    const limit = isFrozen ? hangMs - 5_000 : 2_000;
    if (this.#now() < trainer.alone + limit) return;
    this.end(trainer, failureWith('E_PEER_LOST', 'a rank did not answer'));
  }

  #isRestored({ state }: SimTrainer): boolean {
    return state.type === 'Running' && state.restored;
  }

  #stepTogether(world: readonly SimTrainer[]): void {
    this.#restore(world);
    if (world.some(({ hasNoneWhole }) => hasNoneWhole)) {
      const corrupted = failureWith('E_CHECKPOINT_CORRUPTED', 'no checkpoint is intact');
      for (const each of world) this.end(each, corrupted);
      return;
    }
    const [first] = world;
    check(
      world.every(({ step, chain }) => step === first?.step && chain === first.chain),
      'ranks of one world went on from different steps',
    );
    const stops = world.some(({ state }) => state.type === 'Running' && state.asked === 'Stop');
    const saves = world.some(
      ({ state }) => state.type === 'Running' && state.save.asked > 0 && !state.save.done,
    );
    for (const each of world) {
      each.alone = undefined;
      if (!stops && each.step < totalSteps) {
        each.step += 1;
        each.chain = linked(each.chain, each.step);
      }
      this.#keepCopies(each);
      const isDone = each.step === totalSteps;
      // One that goes on from a copy may have passed the step of a checkpoint that was lost.
      const isDue = each.step - each.savedStep >= saveEvery;
      this.#said(each, stops || saves || isDone || isDue);
    }
    for (const each of world) {
      if (stops && each.step < totalSteps) this.end(each, 'Stopped');
      else if (each.step === totalSteps) this.end(each, 'Done');
    }
  }

  /** From a checkpoint that all agree on, when all are there; or from copies. */
  #restore(world: readonly SimTrainer[]): void {
    for (const each of world) {
      if (!this.#isRestored(each)) Object.assign(each, this.#found(each.state.round));
    }
    this.#restoreCopies(world);
  }

  /** All ranks go on from their parts of one moment, or none does. */
  #restoreCopies(world: readonly SimTrainer[]): void {
    const isWhole = world.every(({ copy }) => copy?.chain !== undefined);
    for (const each of world) {
      if (isWhole && each.copy?.chain !== undefined) {
        each.step = each.copy.step;
        each.chain = each.copy.chain;
        each.hasNoneWhole = false;
        this.restoredCopies += 1;
      }
      each.copy = undefined;
    }
  }

  /** Now and then one is missing, as when a process was killed before it wrote. */
  #keepCopies({ state, assignment, step, chain, copies, peer }: SimTrainer): void {
    if ((step + assignment.rank) % 5 === 0) return;
    const { round } = state;
    const { rank, size } = assignment;
    const name = copyNameText({ round, position: step, step, rank, size });
    const isOwn = (text: string) => parseCopyName(text)?.rank === rank;
    for (const memory of [copies, peer()]) {
      if (memory === undefined) continue;
      const [oldest] = [...memory.keys()].filter(isOwn).slice(0, -1);
      if (oldest !== undefined) memory.delete(oldest);
      memory.set(name, chain);
    }
  }

  #said(trainer: SimTrainer, isSaved: boolean): void {
    const { state, step, chain } = trainer;
    if (state.type !== 'Running') return;
    const { round } = state;
    if (isSaved) {
      this.files.set(`${round}/${step}`, chain);
      this.damaged.delete(`${round}/${step}`);
      trainer.savedStep = step;
    }
    trainer.state = {
      ...state,
      restored: true,
      hangsAt: this.#now() + hangMs,
      ...(isSaved
        ? { saved: { step, path: `${round}/${step}` }, save: { ...state.save, done: true } }
        : {}),
    };
  }

  #of(round: number | undefined) {
    return [...this.files].filter(([key]) => partsOf(key).round === round);
  }
}

function partsOf(key: string): { readonly round: number; readonly step: number } {
  const [round = 0, step = 0] = key.split('/').map(Number);
  return { round, step };
}
