// Trainers of simulated pods, and the folder that they share: a training is a chain of digests, one link a step, so that whatever was lost,
// done twice or read from the wrong place shows in the last link. All ranks of a world step together or not at all.
import { createHash } from 'node:crypto';
import type { CheckpointHead, WorldRecord } from '../../../crds/wire/state.ts';
import { troubleOf } from '../../../worker/supervisor/end-of-child.ts';
import type { Seat } from '../../../worker/supervisor/seat.ts';
import type { TrainerState } from '../../../worker/supervisor/situation.ts';
import { check } from './invariants.ts';

export const totalSteps = 30;
const saveEvery = 4;
const hangMs = 60_000;

export interface SimTrainer {
  state: Exclude<TrainerState, { type: 'None' }>;
  readonly seat: Seat;
  readonly list: WorldRecord;
  readonly isFrozen: () => boolean;
  step: number;
  chain: string;
  /** Since when its world is not whole. */
  alone: number | undefined;
}

/** What so many steps without any trouble make. */
export function chainOf(steps: number): string {
  let chain = '';
  for (let step = 1; step <= steps; step += 1) chain = linked(chain, step);
  return chain;
}

function linked(chain: string, step: number): string {
  return createHash('sha256').update(`${chain} ${step}`).digest('hex');
}

export class Trainers {
  /** By generation and step: what a checkpoint holds. */
  readonly files = new Map<string, string>();
  readonly running = new Set<SimTrainer>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Does what generation-folder.ts does: the committed checkpoints under a further name, the rest forgotten. */
  openGeneration(generation: number, head: CheckpointHead | undefined): void {
    for (const [key, chain] of this.#of(head?.generation)) {
      const { step } = partsOf(key);
      if (head !== undefined && step <= head.step) this.files.set(`${generation}/${step}`, chain);
    }
    for (const key of [...this.files.keys()]) {
      const { generation: of } = partsOf(key);
      if (of < generation && of !== head?.generation) this.files.delete(key);
    }
  }

  start(generation: number, given: Pick<SimTrainer, 'seat' | 'list' | 'isFrozen'>): SimTrainer {
    const steps = [...this.#of(generation)].map(([key]) => partsOf(key).step);
    const step = Math.max(0, ...steps);
    const trainer: SimTrainer = {
      ...given,
      ...{ step, chain: this.files.get(`${generation}/${step}`) ?? '', alone: undefined },
      state: {
        ...{ type: 'Running', generation, asked: 'Nothing', save: { asked: 0, done: false } },
        ...{ since: this.#now(), restored: false, saved: undefined },
        hangsAt: this.#now() + hangMs,
      },
    };
    this.running.add(trainer);
    return trainer;
  }

  end(trainer: SimTrainer, ending: Extract<TrainerState, { type: 'Ended' }>['ending']): void {
    if (trainer.state.type !== 'Running') return;
    const { generation, saved } = trainer.state;
    const isResult = ending === 'Done' && trainer.seat.rank === 0;
    const result = isResult ? ({ reason: 'Finished', step: totalSteps } as const) : undefined;
    this.running.delete(trainer);
    trainer.state = { type: 'Ended', generation, ending, at: this.#now(), saved, result };
  }

  /** A second passes: every world that is whole does a step. */
  tick(): void {
    for (const [, world] of Map.groupBy(this.running, ({ state }) => state.generation)) {
      const awake = world.filter((each) => !each.isFrozen());
      const [first] = awake;
      if (first === undefined) continue;
      if (awake.length === first.list.order.length) this.#stepTogether(awake);
      else for (const each of awake) this.#wait(each, awake.length < world.length);
    }
  }

  /** Who waits for a process that is gone hears of it at once; for one that stands still, when the time is over. */
  #wait(trainer: SimTrainer, isFrozen: boolean): void {
    // Not all have been there yet: whoever comes late is waited for.
    if (trainer.alone === undefined && !this.#isRestored(trainer)) return;
    trainer.alone ??= this.#now();
    const limit = isFrozen ? hangMs - 5_000 : 2_000;
    if (this.#now() < trainer.alone + limit) return;
    this.end(trainer, troubleOf('E_PEER_LOST', 'a rank did not answer'));
  }

  #isRestored({ state }: SimTrainer): boolean {
    return state.type === 'Running' && state.restored;
  }

  #stepTogether(world: readonly SimTrainer[]): void {
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
      const isDone = each.step === totalSteps;
      this.#said(each, stops || saves || isDone || each.step % saveEvery === 0);
    }
    for (const each of world) {
      if (stops && each.step < totalSteps) this.end(each, 'Stopped');
      else if (each.step === totalSteps) this.end(each, 'Done');
    }
  }

  #said(trainer: SimTrainer, isSaved: boolean): void {
    const { state, step, chain } = trainer;
    if (state.type !== 'Running') return;
    const { generation } = state;
    if (isSaved) this.files.set(`${generation}/${step}`, chain);
    trainer.state = {
      ...state,
      restored: true,
      hangsAt: this.#now() + hangMs,
      ...(isSaved
        ? { saved: { step, path: `${generation}/${step}` }, save: { ...state.save, done: true } }
        : {}),
    };
  }

  #of(generation: number | undefined) {
    return [...this.files].filter(([key]) => partsOf(key).generation === generation);
  }
}

function partsOf(key: string): { readonly generation: number; readonly step: number } {
  const [generation = 0, step = 0] = key.split('/').map(Number);
  return { generation, step };
}
