// The checkpoints of one run: saves when due, keeps what the policy says, restores the newest
// intact one. A disk that is full costs checkpoints, not the run; a damaged checkpoint costs
// itself.
import type { Clock } from '../../crds/clock.ts';
import {
  type AnnealError,
  isStorageFull,
  TerminalError,
  toAnnealError,
} from '../../crds/failures/errors.ts';
import { mostKeptTold, type TelemetryBody, warningReason } from '../../crds/wire/telemetry.ts';
import { alone, type World } from '../engine/world.ts';
import {
  checkpointFolder,
  expired,
  listCheckpoints,
  quarantine,
  readManifest,
  removeCheckpoint,
  removePartial,
  type StoredCheckpoint,
  verifyCheckpoint,
} from './folder.ts';
import { requireInitial } from './initial-factors.ts';
import { type SaveWish, saveIsDue } from './interval.ts';
import { loadState } from './load-state.ts';
import { type CheckpointManifest, manifestVersion } from './manifest.ts';
import { readRollback, writeRollback } from './rollback-file.ts';
import { RunningSave, type WrittenCheckpoint } from './running-save.ts';
import type { ShardPart } from './shard-file.ts';
import { stateTensors, type TrainedTensors } from './state-tensors.ts';
import type { Checkpoints } from './trainer-checkpoints.ts';
import { type RollbackAccount, type TrainerState, trainerState } from './trainer-state.ts';

export interface CheckpointSettings {
  readonly root: string;
  /** Digest of all that decides the result; checkpoints with another one are never restored. */
  readonly job: string;
  /** Digest of the frozen base. */
  readonly base: string;
  /** Of what the adapter began with, where it decomposed weights. */
  readonly initial?: string | undefined;
  readonly wish: SaveWish;
  readonly retain: {
    readonly latest: number;
    readonly best: number;
    readonly everySteps: number | null;
  };
  /**
   * Step of the checkpoint from which others would resume, which is kept whatever its age;
   * undefined where every written checkpoint counts.
   */
  counted?(): number | undefined;
  /** @default a single process */
  readonly world?: World;
  readonly clock: Clock;
  emit(message: TelemetryBody): void;
  /** The history of the run, stored with each save. */
  life?(): Readonly<Record<string, unknown>>;
}

/** The checkpoints of a run, and the location of the newest. */
export interface RunCheckpoints extends Checkpoints {
  /** Restores a checkpoint, or `copy`, a folder in memory that every rank has. Collective. */
  restore(copy?: string): Promise<TrainerState | null>;
  /**
   * Folder of the checkpoint of this step, the last one saved or restored. Throws `E_STORAGE_FULL`
   * when it could not be saved.
   */
  at(step: number): string;
  /** Folder of the checkpoint of a step, whether it exists or not. */
  folderOf(step: number): string;
  /** Whether the checkpoint of a step exists and is intact; quarantines a damaged one. */
  isWhole(step: number): Promise<boolean>;
  /** The history stored in the restored checkpoint; undefined where there is none. */
  readonly life: Readonly<Record<string, unknown>> | undefined;
}

export function checkpointsOf(
  trained: TrainedTensors,
  settings: CheckpointSettings,
): RunCheckpoints {
  return new Folders(trained, settings);
}

class Folders implements RunCheckpoints {
  readonly #trained: TrainedTensors;
  readonly #settings: CheckpointSettings & { readonly world: World };
  #savedStep: number | null = null;
  #savedSeconds = 0;
  #latest: StoredCheckpoint | null = null;
  #saveSeconds: number | null = null;
  life: Readonly<Record<string, unknown>> | undefined;
  #running:
    | { readonly save: RunningSave; readonly state: TrainerState; readonly ms: number }
    | undefined;

  constructor(trained: TrainedTensors, settings: CheckpointSettings) {
    this.#trained = trained;
    this.#settings = { world: alone, ...settings };
  }

  at(step: number): string {
    if (this.#latest?.step === step) return this.#latest.folder;
    const { root } = this.#settings;
    const before =
      this.#latest === null ? 'there is no other' : `the newest is of step ${this.#latest.step}`;
    throw new TerminalError({
      code: 'E_STORAGE_FULL',
      message: `${root} has no checkpoint of the result, step ${step}: the disk was full; ${before}`,
    });
  }

  folderOf(step: number): string {
    return checkpointFolder(this.#settings.root, step);
  }

  async isWhole(step: number): Promise<boolean> {
    const stored = await listCheckpoints(this.#settings.root);
    const checkpoint = stored.find((each) => each.step === step);
    if (checkpoint === undefined) return false;
    try {
      this.#confirm(await verifyCheckpoint(checkpoint.folder), checkpoint.folder);
      return true;
    } catch (thrown) {
      await this.#setAside(checkpoint, thrown, 'it cannot be the result');
      return false;
    }
  }

  due(state: TrainerState): boolean {
    // The best state between two saves would be lost unless it is saved at once.
    const isBest = this.#settings.retain.best > 0 && state.best?.step === state.step;
    if (isBest && state.step !== this.#savedStep) return true;
    return saveIsDue(this.#settings.wish, {
      stepsSinceSave: state.step - (this.#savedStep ?? 0),
      secondsSinceSave: state.seconds - this.#savedSeconds,
      saveSeconds: this.#saveSeconds,
    });
  }

  async begin(state: TrainerState): Promise<void> {
    await this.finish();
    const { clock, root, world } = this.#settings;
    const beganMs = clock.monotonic();
    const life = this.#settings.life?.();
    let ms = 0;
    const running = await RunningSave.begin({
      ...{ root, step: state.step, world, clock, kept: stateTensors(this.#trained) },
      manifest: (parts) => ({ ...this.#manifest(state, parts), ...(life && { life }), ms }),
    });
    ms = clock.monotonic() - beganMs;
    this.#savedStep = state.step;
    this.#savedSeconds = state.seconds;
    if (running === 'full') return this.#tellNotSaved(state.step);
    this.#saveSeconds = ms / 1000;
    this.#running = { save: running, state, ms };
  }

  get runningStep(): number | null {
    return this.#running?.state.step ?? null;
  }

  async follow(): Promise<void> {
    const ended = await this.#running?.save.poll();
    if (ended !== undefined) await this.#end(ended);
  }

  async finish(): Promise<void> {
    const ended = await this.#running?.save.finish();
    if (ended !== undefined) await this.#end(ended);
  }

  async #end(ended: WrittenCheckpoint | 'full'): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    const { state, ms } = running;
    if (ended === 'full') return this.#tellNotSaved(state.step);
    const kept = this.#settings.world.rank === 0 ? await this.#prune(state) : undefined;
    this.#latest = ended;
    const { folder: path, bytes } = ended;
    const there = kept === undefined ? {} : { kept: kept.slice(-mostKeptTold) };
    this.#settings.emit({ type: 'checkpoint', step: state.step, path, bytes, ms, ...there });
  }

  #tellNotSaved(step: number): void {
    this.#tellFull(`the checkpoint of step ${step} was not written`, step);
  }

  #tellFull(what: string, step: number): void {
    const { root, emit } = this.#settings;
    const message = `${what}: ${root} is full; training continues`;
    emit({ type: 'warning', reason: warningReason.storageFull, message, step });
  }

  get savedStep(): number | null {
    return this.#savedStep;
  }

  async restore(copy?: string): Promise<TrainerState | null> {
    await this.finish();
    const { root, world } = this.#settings;
    const isFirst = world.rank === 0;
    if (isFirst) await removePartial(root);
    const stored = isFirst ? await listCheckpoints(root) : [];
    if (copy !== undefined) {
      const state = await this.#restoreCopy(copy, stored[0]?.step ?? none);
      if (state !== undefined) return state;
    }
    for (let next = 0; ; next += 1) {
      const chosen = world.fromFirst(await this.#firstWhole(stored, next));
      const step = world.fromFirst(stored[chosen]?.step ?? none);
      if (step === none) break;
      next = chosen;
      const checkpoint = { step, folder: checkpointFolder(root, step) };
      const state = await this.#load(checkpoint);
      if (state !== undefined) return state;
    }
    const count = world.fromFirst(stored.length);
    if (count === 0) return null;
    const message = `none of the ${count} checkpoints in ${root} is intact`;
    throw new TerminalError({ code: 'E_CHECKPOINT_CORRUPTED', message });
  }

  async rememberRollback(account: RollbackAccount): Promise<void> {
    if (this.#latest === null || this.#settings.world.rank > 0) return;
    const { step, folder } = this.#latest;
    try {
      await writeRollback(folder, account);
    } catch (thrown) {
      if (!isStorageFull(thrown)) throw thrown;
      this.#tellFull(`the rollback to step ${step} was not recorded`, step);
    }
  }

  /**
   * All ranks resume from copies of the same step, or none does: every copy is checked before
   * anything is loaded into the model.
   */
  async #restoreCopy(folder: string, newest: number): Promise<TrainerState | undefined> {
    const { world, emit } = this.#settings;
    const found = await this.#readCopy(folder).catch(toAnnealError);
    const isBad = found instanceof Error;
    if (world.agree(isBad)) {
      if (!isBad) return undefined;
      const message = `${found.message}; the newest checkpoint is used instead of this copy in memory`;
      emit({ type: 'warning', reason: 'CopyUnusable', message });
      return undefined;
    }
    if (isBad) throw found;
    const { manifest, state } = found;
    this.life = manifest.life;
    followSaved(this.#trained, state);
    loadState(folder, manifest, stateTensors(this.#trained));
    const saved = world.fromFirst(newest);
    this.#savedStep = saved === none ? null : saved;
    this.#savedSeconds = state.seconds;
    this.#latest = saved === none ? null : { step: saved, folder: this.folderOf(saved) };
    return state;
  }

  async #readCopy(folder: string) {
    const manifest = await verifyCheckpoint(folder);
    this.#confirm(manifest, folder);
    return { manifest, state: stateOf(manifest, folder) };
  }

  /**
   * Index of the first intact checkpoint from `next` on; quarantines the damaged ones before it.
   * Rank 0 only.
   */
  async #firstWhole(stored: readonly StoredCheckpoint[], next: number): Promise<number> {
    for (const [index, checkpoint] of stored.entries()) {
      if (index < next) continue;
      try {
        await verifyCheckpoint(checkpoint.folder);
        return index;
      } catch (thrown) {
        await this.#setAside(checkpoint, thrown, 'the one before is used');
      }
    }
    return stored.length;
  }

  /** Undefined when any rank could not read it; it is quarantined then. */
  async #load(checkpoint: StoredCheckpoint): Promise<TrainerState | undefined> {
    const { world } = this.#settings;
    const tried = await this.#tryToLoad(checkpoint);
    const failed = tried instanceof Error;
    if (!world.agree(failed)) {
      if (failed) throw tried;
      this.#savedStep = tried.step;
      this.#savedSeconds = tried.seconds;
      this.#latest = checkpoint;
      return tried;
    }
    const error = failed ? tried : damagedElsewhere(checkpoint);
    if (world.rank === 0) await this.#setAside(checkpoint, error, 'the one before is used');
    else throwUnlessCorrupted(error);
    return undefined;
  }

  async #tryToLoad({ folder }: StoredCheckpoint): Promise<TrainerState | AnnealError> {
    try {
      const manifest = await readManifest(folder);
      this.#confirm(manifest, folder);
      const state = stateOf(manifest, folder);
      followSaved(this.#trained, state);
      loadState(folder, manifest, stateTensors(this.#trained));
      this.life = manifest.life;
      return { ...state, ...(await readRollback(folder)) };
    } catch (thrown) {
      return toAnnealError(thrown);
    }
  }

  /** Quarantines a damaged checkpoint; rethrows any other error. */
  async #setAside(checkpoint: StoredCheckpoint, thrown: unknown, then: string): Promise<void> {
    const error = throwUnlessCorrupted(toAnnealError(thrown));
    const aside = await quarantine(checkpoint);
    const message = `${error.message}; it was set aside as ${aside}, and ${then}`;
    const { step } = checkpoint;
    this.#settings.emit({ type: 'warning', reason: 'CheckpointCorrupted', message, step });
  }

  #manifest(state: TrainerState, parts: readonly ShardPart[]): CheckpointManifest {
    const { job, base, initial } = this.#settings;
    const files = parts.map(({ file }) => file);
    const tensors = parts.flatMap((part) => part.tensors);
    const of = { version: manifestVersion, step: state.step, job, base } as const;
    return { ...of, ...(initial && { initial }), files, tensors, state };
  }

  #confirm(manifest: CheckpointManifest, folder: string): void {
    const { job, base, initial } = this.#settings;
    if (manifest.job !== job) throw foreign(folder, 'another job');
    if (manifest.base !== base) throw foreign(folder, 'another base model');
    requireInitial(manifest, folder, initial);
  }

  /** Deletes expired checkpoints; returns the steps of the others, ascending. */
  async #prune(state: TrainerState): Promise<readonly number[]> {
    const { retain, root } = this.#settings;
    const stored = await listCheckpoints(root);
    const keep = new Set(retain.best > 0 ? bestSteps(state, retain.best) : []);
    const counted = this.#settings.counted?.();
    if (counted !== undefined) keep.add(counted);
    const gone = expired(stored, { ...retain, keep });
    for (const { folder } of gone) await removeCheckpoint(folder);
    const steps = stored.filter((one) => !gone.includes(one)).map(({ step }) => step);
    return steps.sort((a, b) => a - b);
  }
}

/** Not a step. */
const none = -1;

function foreign(folder: string, what: string): TerminalError {
  return new TerminalError({
    code: 'E_PLAN_MISMATCH',
    message: `${folder} belongs to ${what}; a run resumes only with its own job and base model`,
  });
}

function damagedElsewhere({ folder }: StoredCheckpoint): AnnealError {
  const message = `${folder} could not be read by another worker`;
  return new TerminalError({ code: 'E_CHECKPOINT_CORRUPTED', message });
}

function throwUnlessCorrupted(error: AnnealError): AnnealError {
  if (error.code !== 'E_CHECKPOINT_CORRUPTED') throw error;
  return error;
}

/** The best step by the job's metric, then those of the evaluations with the lowest loss. */
function bestSteps({ best, evaluations }: TrainerState, count: number): readonly number[] {
  const byLoss = evaluations
    .filter(({ loss, step }) => loss !== null && step > 0)
    .sort((a, b) => (a.loss ?? 0) - (b.loss ?? 0))
    .map(({ step }) => step);
  return [...new Set([...(best === null ? [] : [best.step]), ...byLoss])].slice(0, count);
}

function stateOf({ state }: CheckpointManifest, folder: string): TrainerState {
  const parsed = trainerState.safeParse(state);
  if (parsed.success) return parsed.data;
  const field = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new TerminalError({
    code: 'E_CHECKPOINT_CORRUPTED',
    message: `${folder} has no trainer state of this version: ${field} is missing or of another type`,
  });
}

/** Makes the state that exists after the last step that was done: the next may free or add some. */
function followSaved({ states }: TrainedTensors, { stepCounts, step }: TrainerState): void {
  states.follow(stepCounts, Math.max(0, step - 1));
}
