// The largest entries of queries and keys of each head, as attention multiplies them, over
// sequences that pass through the model.
import {
  type AttentionEntries,
  boundFactors,
  entryBound,
} from '../../crds/wire/attention-entries.ts';
import type { ModelConfig } from '../families/family.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { type Tensor, toArray } from '../tensor/tensor.ts';
import type { World } from './world.ts';

export class EntryWatch implements Disposable {
  /** Queries `[N]` and keys `[K]` of each layer, float32. */
  readonly #byLayer = new Map<number, readonly [Tensor, Tensor]>();

  /** `q [T, N, D]` and `k [T, K, D]`, behind norms and rotation. */
  readonly see = (layer: number, q: Tensor, k: Tensor): void => {
    const before = this.#byLayer.get(layer);
    const largest = (x: Tensor, known: Tensor | undefined): Tensor =>
      scope(() => {
        const here = ops.to(ops.linalgVectorNorm(x, Number.POSITIVE_INFINITY, [0, 2]), 'float32');
        return keep(known === undefined ? here : ops.maximum(known, here));
      });
    this.#byLayer.set(layer, [largest(q, before?.[0]), largest(k, before?.[1])]);
    for (const tensor of before ?? []) tensor.dispose();
  };

  /** Collective. `tokens` is the length of the longest document of all ranks. */
  summary({ L, NH, NK, attentionScale }: ModelConfig, tokens: number, world: World) {
    // A rank that saw no sequence has the least that there is.
    const own = Array.from({ length: L }, (_, layer) =>
      (this.#byLayer.get(layer) ?? []).flatMap((tensor) => toArray(tensor)),
    ).flat();
    const size = L * (NH + NK);
    const slots = Array.from({ length: size * world.size }, (_, i) =>
      Math.floor(i / size) === world.rank ? (own[i % size] ?? 0) : 0,
    );
    const all = world.sum(slots);
    const scale = Math.sqrt(attentionScale);
    const largest = Array.from({ length: size }, (_, i) =>
      Math.max(...Array.from({ length: world.size }, (_, rank) => all[rank * size + i] ?? 0)),
    ).map((value) => value * scale);
    return entriesOf(largest, { L, NH, NK }, tokens);
  }

  [Symbol.dispose](): void {
    for (const pair of this.#byLayer.values()) for (const tensor of pair) tensor.dispose();
    this.#byLayer.clear();
  }
}

/** From the largest entries, for each layer those of its query heads and then of its key heads. */
export function entriesOf(
  largest: readonly number[],
  { L, NH, NK }: Pick<ModelConfig, 'L' | 'NH' | 'NK'>,
  tokens: number,
): AttentionEntries {
  const at = (layer: number, index: number): number => largest[layer * (NH + NK) + index] ?? 0;
  const heads = Array.from({ length: L * NH }, (_, i) => {
    const [layer, head] = [Math.floor(i / NH), i % NH];
    const key = NH + Math.floor((head * NK) / NH);
    return { query: at(layer, head), key: at(layer, key) };
  });
  const most = (of: 'query' | 'key'): number | null => {
    const value = Math.max(0, ...heads.map((head) => head[of]));
    return Number.isFinite(value) ? value : null;
  };
  const bound = entryBound(tokens);
  return {
    ...{ tokens, heads: heads.length, query: most('query'), key: most('key') },
    above: boundFactors.map(
      (factor) =>
        heads.filter(({ query, key }) => !(Math.max(query, key) <= factor * bound)).length,
    ),
  };
}
