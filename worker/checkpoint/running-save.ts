// One save of a checkpoint that goes on while training does. What is to be saved is written as it
// is between two steps, which costs as much as copying memory does; that it gets to the disk, and
// its name, comes while the next steps run. All ranks write into one folder, and rank 0 gives it
// its name when all have. A disk that is full for one is full for all.
import { setImmediate } from 'node:timers/promises';
import { isStorageFull } from '../../crds/failures/errors.ts';
import type { Clock } from '../clock.ts';
import type { TensorShard } from '../sharding/shards.ts';
import type { World } from '../sharding/world.ts';
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
  /** What this rank keeps of the tensors. */
  readonly kept: ReadonlyMap<string, TensorShard>;
  /** Of rank 0: from the parts of all. */
  readonly manifest: (parts: readonly ShardPart[]) => CheckpointManifest;
}

/** So long files may be attended to between two steps. */
const attentionMs = 2;

export class RunningSave {
  readonly #plan: SavePlan;
  /** Of rank 0. */
  readonly #writer: CheckpointWriter | null;
  #work: Work;
  /** Set when rank 0 begins to give it its name: what a rank that gives none knows of it. */
  #written: WrittenCheckpoint | undefined;

  /** All ranks; on return the state may change. */
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

  /** Asked by all ranks between two steps: undefined while it goes on. */
  async poll(): Promise<WrittenCheckpoint | 'full' | undefined> {
    const { clock } = this.#plan;
    const until = clock.monotonic() + attentionMs;
    do await setImmediate();
    while (this.#work.outcome === undefined && clock.monotonic() < until);
    return this.#next();
  }

  /** All ranks wait for it. */
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

/** Work under way whose end can be evaluated at without waiting for it. */
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
