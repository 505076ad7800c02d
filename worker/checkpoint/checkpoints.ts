// The checkpoints of one run: save when due, keep what the policy says, restore the newest that is
// whole. A disk that is full costs checkpoints, not the run; a damaged checkpoint costs itself.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isStorageFull, TerminalError, toAnnealError } from '../../crds/errors.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { Clock } from '../clock.ts';
import type { Checkpoints } from '../trainer.ts';
import { type TrainerState, trainerState } from '../trainer-state.ts';
import {
  beginCheckpoint,
  checkpointFolder,
  expired,
  listCheckpoints,
  quarantine,
  removePartial,
  type StoredCheckpoint,
  verifyCheckpoint,
} from './folder.ts';
import { type SaveWish, saveIsDue } from './interval.ts';
import { loadState } from './load-state.ts';
import { type CheckpointManifest, manifestVersion } from './manifest.ts';
import { writeSafetensors } from './safetensors.ts';
import { stateTensors, type TrainedTensors } from './state-tensors.ts';

const tensorFile = 'shard-0.safetensors';

export interface CheckpointSettings {
  readonly root: string;
  /** Digest of what decides the result: a checkpoint of another one is never restored. */
  readonly job: string;
  /** Digest of the frozen base. */
  readonly base: string;
  readonly wish: SaveWish;
  readonly retain: {
    readonly latest: number;
    readonly best: number;
    readonly everySteps: number | null;
  };
  readonly clock: Clock;
  emit(message: TelemetryBody): void;
}

/** The checkpoints of a run, and where the newest is. */
export interface RunCheckpoints extends Checkpoints {
  /** Folder of the checkpoint of this step, the last that was saved or restored; else the disk was full. */
  at(step: number): string;
  /** Folder of the checkpoint of a step, whether it is there or not. */
  folderOf(step: number): string;
  /** Whether the checkpoint of a step is there and whole; a damaged one is set aside. */
  isWhole(step: number): Promise<boolean>;
}

export function checkpointsOf(
  trained: TrainedTensors,
  settings: CheckpointSettings,
): RunCheckpoints {
  return new Folders(trained, settings);
}

class Folders implements RunCheckpoints {
  readonly #trained: TrainedTensors;
  readonly #settings: CheckpointSettings;
  #savedStep: number | null = null;
  #savedSeconds = 0;
  #latest: StoredCheckpoint | null = null;
  #saveSeconds: number | null = null;

  constructor(trained: TrainedTensors, settings: CheckpointSettings) {
    this.#trained = trained;
    this.#settings = settings;
  }

  at(step: number): string {
    if (this.#latest?.step === step) return this.#latest.folder;
    const { root } = this.#settings;
    const before =
      this.#latest === null ? 'none before it' : `the newest is of step ${this.#latest.step}`;
    throw new TerminalError({
      code: 'E_STORAGE_FULL',
      message: `the result of step ${step} is not in ${root}: the disk was full; ${before}`,
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
    // What is to be kept has to be written: a best one between two saves would be lost.
    const isBest = this.#settings.retain.best > 0 && state.best?.step === state.step;
    if (isBest && state.step !== this.#savedStep) return true;
    return saveIsDue(this.#settings.wish, {
      stepsSinceSave: state.step - (this.#savedStep ?? 0),
      secondsSinceSave: state.seconds - this.#savedSeconds,
      saveSeconds: this.#saveSeconds,
    });
  }

  async save(state: TrainerState): Promise<void> {
    const { clock, emit, root } = this.#settings;
    const began = clock.monotonic();
    try {
      await using writer = await beginCheckpoint(root, state.step);
      const file = await writeSafetensors(
        join(writer.folder, tensorFile),
        stateTensors(this.#trained),
      );
      const { folder, bytes } = await writer.commit(this.#manifest(state, file));
      const ms = clock.monotonic() - began;
      this.#saveSeconds = ms / 1000;
      this.#latest = { step: state.step, folder };
      emit({ type: 'checkpoint', step: state.step, path: folder, bytes, ms });
      await this.#prune(state);
    } catch (thrown) {
      if (!isStorageFull(thrown)) throw thrown;
      const message = `the checkpoint of step ${state.step} was not written: ${root} is full; training goes on`;
      emit({ type: 'warning', reason: 'StorageFull', message, step: state.step });
    }
    this.#savedStep = state.step;
    this.#savedSeconds = state.seconds;
  }

  async restore(): Promise<TrainerState | null> {
    const { root } = this.#settings;
    await removePartial(root);
    const stored = await listCheckpoints(root);
    for (const checkpoint of stored) {
      try {
        const manifest = await verifyCheckpoint(checkpoint.folder);
        this.#confirm(manifest, checkpoint.folder);
        const state = stateOf(manifest, checkpoint.folder);
        this.#trained.states.follow(state.ages);
        loadState(checkpoint.folder, manifest, stateTensors(this.#trained));
        this.#savedStep = state.step;
        this.#savedSeconds = state.seconds;
        this.#latest = checkpoint;
        return state;
      } catch (thrown) {
        await this.#setAside(checkpoint, thrown, 'the one before is used');
      }
    }
    if (stored.length === 0) return null;
    const message = `none of the ${stored.length} checkpoints in ${root} is whole`;
    throw new TerminalError({ code: 'E_CHECKPOINT_CORRUPTED', message });
  }

  /** Only what is damaged; every other error is thrown on. */
  async #setAside(checkpoint: StoredCheckpoint, thrown: unknown, then: string): Promise<void> {
    const error = toAnnealError(thrown);
    if (error.code !== 'E_CHECKPOINT_CORRUPTED') throw error;
    const aside = await quarantine(checkpoint);
    const message = `${error.message}; it was set aside as ${aside}, and ${then}`;
    const { step } = checkpoint;
    this.#settings.emit({ type: 'warning', reason: 'CheckpointCorrupted', message, step });
  }

  #manifest(state: TrainerState, file: WrittenFile): CheckpointManifest {
    const { job, base } = this.#settings;
    const tensors = [...stateTensors(this.#trained)].map(([name, { shape }]) => ({
      name,
      file: tensorFile,
      start: shape.map(() => 0),
      shape: [...shape],
    }));
    const files = [{ name: tensorFile, bytes: file.bytes, sha256: file.sha256 }];
    return { version: manifestVersion, step: state.step, job, base, files, tensors, state };
  }

  #confirm(manifest: CheckpointManifest, folder: string): void {
    const { job, base } = this.#settings;
    if (manifest.job === job && manifest.base === base) return;
    const what = manifest.job === job ? 'another base model' : 'another job';
    throw new TerminalError({
      code: 'E_PLAN_MISMATCH',
      message: `${folder} belongs to ${what}; a run goes on only with what it began with`,
    });
  }

  async #prune(state: TrainerState): Promise<void> {
    const { retain, root } = this.#settings;
    const stored = await listCheckpoints(root);
    const keep = new Set(retain.best > 0 ? bestSteps(state, retain.best) : []);
    for (const { folder } of expired(stored, { ...retain, keep })) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

interface WrittenFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** The best step by what the job measures, then those of the evaluations with the lowest loss. */
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
