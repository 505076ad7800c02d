// One save that runs beside training. Between two steps the state is written to files, at the cost
// of a copy in memory; syncing and renaming happen while the next steps run. All ranks write into
// one folder, which rank 0 renames when all have finished. A full disk at one rank fails the save
// for all.
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../crds/clock.ts';
import { isStorageFull } from '../../crds/failures/errors.ts';
import type { World } from '../engine/world.ts';
import type { TensorShard } from '../sharding/shards.ts';
import {
  beginCheckpoint,
  type CheckpointWriter,
  checkpointFolder,
  partialFolder,
  type StoredCheckpoint,
} from './folder.ts';
import type { CheckpointManifest } from './manifest.ts';
import { beginShard, type ShardPart, takeParts } from './shard-file.ts';

export interface WrittenCheckpoint extends StoredCheckpoint {
  readonly bytes: number;
}

interface SavePlan {
  readonly root: string;
  readonly step: number;
  readonly world: World;
  readonly clock: Clock;
  /** This rank's shards of the tensors. */
  readonly kept: ReadonlyMap<string, TensorShard>;
  /** Builds the manifest from the parts of all ranks; used by rank 0. */
  readonly manifest: (parts: readonly ShardPart[]) => CheckpointManifest;
}

/** Time between two steps for file callbacks, in milliseconds. */
const attentionMs = 2;

export class RunningSave {
  readonly #plan: SavePlan;
  /** Null except on rank 0. */
  readonly #writer: CheckpointWriter | null;
  #work: Work;
  /** Set once rank 0 has begun to commit; other ranks do not know the bytes. */
  #written: WrittenCheckpoint | undefined;

  /** Collective; on return the state may change. */
  static async begin(plan: SavePlan): Promise<RunningSave | 'full'> {
    const { root, step, world, kept } = plan;
    const begun = world.rank === 0 ? await unlessFull(beginCheckpoint(root, step)) : null;
    const writer = begun === 'full' ? null : begun;
    if (!world.agree(begun === 'full')) {
      const shard = await unlessFull(beginShard(partialFolder(root, step), world.rank, kept));
      if (!world.agree(shard === 'full') && shard !== 'full') {
        return new RunningSave(plan, writer, new Work(shard.end()));
      }
      if (shard !== 'full') await shard[Symbol.asyncDispose]();
    }
    await writer?.[Symbol.asyncDispose]();
    return 'full';
  }

  private constructor(plan: SavePlan, writer: CheckpointWriter | null, work: Work) {
    this.#plan = plan;
    this.#writer = writer;
    this.#work = work;
  }

  /** Collective, between two steps; undefined while the save runs. */
  async poll(): Promise<WrittenCheckpoint | 'full' | undefined> {
    const { clock } = this.#plan;
    const until = clock.monotonic() + attentionMs;
    do await setImmediate();
    while (this.#work.outcome === undefined && clock.monotonic() < until);
    return this.#next();
  }

  /** Waits until the save has ended. Collective. */
  async finish(): Promise<WrittenCheckpoint | 'full'> {
    for (;;) {
      await this.#work.ended;
      const found = await this.#next();
      if (found !== undefined) return found;
    }
  }

  async #next(): Promise<WrittenCheckpoint | 'full' | undefined> {
    const { root, step, world } = this.#plan;
    const { outcome } = this.#work;
    const [ended = 0, full = 0] = world.sum([
      Number(outcome !== undefined),
      Number(outcome === 'full'),
    ]);
    if (outcome instanceof Error) throw outcome;
    if (ended < world.size) return undefined;
    if (full > 0) {
      await this.#writer?.[Symbol.asyncDispose]();
      return 'full';
    }
    if (this.#written !== undefined) return this.#written;
    this.#written = { step, folder: checkpointFolder(root, step), bytes: 0 };
    if (this.#writer !== null) this.#work = new Work(this.#name(this.#writer));
    return undefined;
  }

  async #name(writer: CheckpointWriter): Promise<void> {
    const { root, step, world, manifest } = this.#plan;
    const parts = await takeParts(partialFolder(root, step), world.size);
    this.#written = await writer.commit(manifest(parts));
  }
}

/** A promise whose outcome can be read without waiting. */
class Work {
  outcome: 'done' | 'full' | Error | undefined;
  /** Never rejects. */
  readonly ended: Promise<void>;

  constructor(work: Promise<unknown>) {
    this.ended = work.then(
      () => {
        this.outcome = 'done';
      },
      (error: unknown) => {
        this.outcome = isStorageFull(error) ? 'full' : toError(error);
      },
    );
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

async function unlessFull<T>(work: Promise<T>): Promise<T | 'full'> {
  try {
    return await work;
  } catch (thrown) {
    if (!isStorageFull(thrown)) throw thrown;
    return 'full';
  }
}
