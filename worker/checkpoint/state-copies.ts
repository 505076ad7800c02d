// Copies of a trainer's shards in memory, made every few steps, from which a restarted trainer
// resumes. All ranks copy the same step, or none does. The next copy waits until the last one has
// been delivered to a peer, so whichever rank is lost, there is a step of which two copies of every
// shard exist.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../crds/clock.ts';
import { type AnnealError, isStorageFull, toAnnealError } from '../../crds/failures/errors.ts';
import { copiesOfAKind } from '../../crds/plan/copies.ts';
import { bytesInWords } from '../../crds/schema/quantity.ts';
import { type CopiesPlan, copyNameText } from '../../crds/wire/copies.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { World } from '../engine/world.ts';
import { dtypeBytes } from '../tensor/dtype.ts';
import { beginCopy, deliveredCopy, endCopy } from './copy-folder.ts';
import { manifestName } from './folder.ts';
import { stepsBetween } from './interval.ts';
import { type CheckpointManifest, manifestVersion } from './manifest.ts';
import { beginShard } from './shard-file.ts';
import { stateTensors, type TrainedTensors } from './state-tensors.ts';
import type { TrainerState } from './trainer-state.ts';

interface CopySettings {
  readonly plan: CopiesPlan;
  /** As in a checkpoint. */
  readonly job: string;
  readonly base: string;
  readonly initial?: string | undefined;
  readonly world: World;
  readonly clock: Clock;
  /** Bytes of free memory for copies, beyond what steps need. */
  room(): number;
  emit(message: TelemetryBody): void;
  life?(): Readonly<Record<string, unknown>>;
}

export class StateCopies {
  readonly #trained: TrainedTensors;
  readonly #settings: CopySettings;
  /** Steps between copies; the first step is always copied, to measure the cost. */
  #interval: number;
  #isGivenUp = false;
  #last: { readonly step: number; readonly atMs: number; readonly name: string } | undefined;

  constructor(trained: TrainedTensors, settings: CopySettings) {
    this.#trained = trained;
    this.#settings = settings;
    this.#interval = settings.plan.intervalSteps ?? 1;
  }

  /** Collective, after each step. */
  async take(state: TrainerState): Promise<void> {
    const { plan, world, clock } = this.#settings;
    const last = this.#last;
    if (this.#isGivenUp) return;
    if (last !== undefined && state.step < last.step + this.#interval) return;
    if (last === undefined) {
      const lack = this.#lackOfRoom();
      if (world.agree(lack !== undefined)) return this.#giveUp(state.step, lack);
    }
    if (plan.hasPeer && world.agree(await this.#isUnderWay())) return;
    const beganMs = clock.monotonic();
    const { round } = plan;
    const { rank, size } = world;
    const { step, position } = state;
    const name = copyNameText({ round, position, step, rank, size });
    const failed = await this.#write(state, name).then(() => undefined, fullOrThrow);
    if (world.agree(failed !== undefined)) return this.#giveUp(step, failed?.message);
    const endedMs = clock.monotonic();
    if (plan.intervalSteps === null) {
      const stepMs = last === undefined ? 0 : (beganMs - last.atMs) / (step - last.step);
      const steps = stepMs === 0 ? 2 : stepsBetween(endedMs - beganMs, stepMs);
      this.#interval = world.fromFirst(steps);
    }
    this.#last = { step, atMs: endedMs, name };
  }

  async #isUnderWay(): Promise<boolean> {
    const { folder } = this.#settings.plan;
    return this.#last !== undefined && (await deliveredCopy(folder)) !== this.#last.name;
  }

  async #write(state: TrainerState, name: string): Promise<void> {
    const { plan, job, base, initial, world } = this.#settings;
    const life = this.#settings.life?.();
    const partial = await beginCopy(plan.folder, 'own', name);
    await using shard = await beginShard(partial, world.rank, stateTensors(this.#trained));
    const { file, tensors } = await shard.end();
    const manifest: CheckpointManifest = {
      ...{ version: manifestVersion, step: state.step, job, base, files: [file], tensors, state },
      ...(initial && { initial }),
      ...(life && { life }),
    };
    await writeFile(join(partial, manifestName), JSON.stringify(manifest));
    await endCopy(partial);
  }

  /** Steps come first: a pod killed for its memory is worse than one without copies. */
  #lackOfRoom(): string | undefined {
    const one = [...stateTensors(this.#trained).values()]
      .map(({ tensor }) => tensor.numel * dtypeBytes(tensor.dtype))
      .reduce((sum, bytes) => sum + bytes, 0);
    const all = copiesOfAKind * (this.#settings.plan.hasPeer ? 2 : 1) * one;
    const room = Math.max(0, this.#settings.room());
    if (all <= room) return undefined;
    return `copies of the state in memory need ${bytesInWords(all)}, and ${bytesInWords(room)} are free beside the steps`;
  }

  /** Training continues without copies. `why` is undefined where another rank reports it. */
  #giveUp(step: number, why: string | undefined): void {
    this.#isGivenUp = true;
    if (why === undefined) return;
    const message = `${why}; no more are made: give the workers more memory (spec.worker.resources, spec.worker.sharedMemorySize), or set spec.checkpoint.memory.mode to None`;
    this.#settings.emit({ type: 'warning', reason: 'MemoryCopiesFull', message, step });
  }
}

function fullOrThrow(thrown: unknown): AnnealError {
  if (!isStorageFull(thrown)) throw thrown;
  return toAnnealError(thrown);
}
