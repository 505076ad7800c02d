// What the blocks in the middle of a diffusion transformer added to the stream when they were last
// computed, for steps at which they are not. Ma et al. 2024 (DeepCache) keep the deep layers of a
// U-Net; a transformer has no depth of that kind, and Chen et al. 2024 (Delta-DiT) keep what blocks
// add. Here the first and the last quarter of the blocks, one at least, are computed at each step.
import type { BlockWalk } from '../engine/block-walk.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';

interface Deep {
  readonly from: number;
  readonly to: number;
}

/** Of `blocks`; those of two blocks are none. */
export function deepOf(blocks: number): Deep {
  const shallow = Math.max(1, Math.floor(blocks / 4));
  return { from: Math.min(shallow, blocks), to: Math.max(shallow, blocks - shallow) };
}

/** Owns what it keeps of each part. */
export class DeepBlocks implements Disposable {
  readonly #deep: Deep;
  readonly #kept = new Map<number, readonly Tensor[]>();

  constructor(blocks: number) {
    this.#deep = deepOf(blocks);
  }

  /** Passes all blocks, the deep ones only if `computes`, or if nothing is kept of the part. */
  pass(walk: BlockWalk, part: number, computes: boolean): readonly Tensor[] {
    const { from, to } = this.#deep;
    if (from >= to) return walk.finish();
    while (walk.layer < from) walk.advance();
    const kept = this.#kept.get(part);
    if (kept !== undefined && !computes) {
      walk.skip(to, kept);
      return walk.finish();
    }
    // A walk frees what it has passed.
    const before = scope(() => walk.streams.map((x) => keep(ops.clone(x))));
    while (walk.layer < to) walk.advance();
    const changes = scope(() => walk.streams.map((x, a) => keep(ops.sub(x, before[a] ?? x))));
    for (const tensor of [...before, ...(kept ?? [])]) tensor.dispose();
    this.#kept.set(part, changes);
    return walk.finish();
  }

  [Symbol.dispose](): void {
    for (const tensor of [...this.#kept.values()].flat()) tensor.dispose();
  }
}
