// Keys and values of all blocks, in pages that sequences take and give back.
//
//   keys, values   [L, pages, NK, tokens of a page, D]
//
// A row is D values of one token and head: rows are written. A block is the rows of one page and
// head: blocks are read, so that those of a sequence lie behind each other.

import { pageTokens } from '../../crds/plan/serving-memory.ts';
import type { Model } from '../engine/model.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { indices, type Tensor } from '../tensor/tensor.ts';
import { Pages } from './pages.ts';

interface LayerCache {
  /** `[pages * NK * tokens, D]` */
  readonly rows: Tensor;
  /** `[pages * NK, tokens * D]`, the same values. */
  readonly blocks: Tensor;
}

export class PagedCache implements Disposable {
  readonly pages: Pages;
  readonly #all: readonly Tensor[];
  readonly #keys: readonly LayerCache[];
  readonly #values: readonly LayerCache[];

  constructor(model: Model, pages: number) {
    const { config, dtype, device } = model;
    const { L, NK, D } = config;
    this.pages = new Pages(pages);
    const make = (): Tensor => keep(ops.empty([L, pages + 1, NK * pageTokens * D], { dtype }));
    const both = scope(() => [make(), make()], device);
    const layersOf = (all: Tensor | undefined): readonly LayerCache[] =>
      all === undefined ? [] : scope(() => views(all, D), device);
    this.#all = both;
    this.#keys = layersOf(both[0]);
    this.#values = layersOf(both[1]);
    this.clear([0]);
  }

  /** Fills pages with zeros: what another sequence left there, even NaN, weighs nothing then. */
  clear(pages: readonly number[]): void {
    if (pages.length === 0) return;
    scope(() => {
      const at = indices(pages);
      for (const all of this.#all) ops.indexFill_(all, 1, at, 0);
    }, this.#all[0]?.device);
  }

  /** Puts `k` and `v`, `[T, NK, D]`, at rows of a layer. */
  write(layer: number, rows: Tensor, k: Tensor, v: Tensor): void {
    const put = ({ rows: all }: LayerCache, x: Tensor): void =>
      void ops.indexCopy_(all, 0, rows, ops.reshape(x, [-1, x.shape[2] ?? 0]));
    put(at(this.#keys, layer), k);
    put(at(this.#values, layer), v);
  }

  /** Blocks of a layer, behind each other: `[heads, S, D]`, in the type of exact sums. */
  read(layer: number, blocks: Tensor, heads: number): { readonly k: Tensor; readonly v: Tensor } {
    const get = ({ rows, blocks: all }: LayerCache): Tensor => {
      const found = ops.view(ops.indexSelect(all, 0, blocks), [heads, -1, rows.shape[1] ?? 0]);
      return ops.to(found, exactType(found.dtype));
    };
    return { k: get(at(this.#keys, layer)), v: get(at(this.#values, layer)) };
  }

  [Symbol.dispose](): void {
    for (const { rows, blocks } of [...this.#keys, ...this.#values]) {
      rows.dispose();
      blocks.dispose();
    }
    for (const all of this.#all) all.dispose();
  }
}

function views(all: Tensor, D: number): readonly LayerCache[] {
  return ops.unbind(all, 0).map((own) => ({
    rows: keep(ops.view(own, [-1, D])),
    blocks: keep(ops.view(own, [-1, pageTokens * D])),
  }));
}

function at(layers: readonly LayerCache[], layer: number): LayerCache {
  const found = layers[layer];
  if (found === undefined) throw new RangeError(`the cache has no layer ${layer}`);
  return found;
}
