// What the layers of a model are quantized as: rescaled, and without a branch of low rank that
// stays in 16 bits beside them. Found block by block, and kept until the result was compared.

import { Bug, invariant } from '../../crds/failures/errors.ts';
import { decoderConfig } from '../decoder/config.ts';
import type { Model } from '../engine/model.ts';
import type { Rows } from '../files/row-panels.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type ChannelSplit, searchedSplit, splitGram, splitInputs } from './channel-split.ts';
import { fittedBranch } from './low-rank-branch.ts';
import {
  foldedNorm,
  largestOfHeads,
  type Rescaling,
  rescaled,
  rescaledGram,
  spreadToHeads,
} from './rescale.ts';
import type { SeenInput } from './seen-input.ts';
import { type SmoothingTrial, searchedFactors } from './smoothing.ts';
import { type SmoothingPlace, smoothingPlaces } from './smoothing-places.ts';
import { branchMatrix, type LowRankBranch } from './trial.ts';

export interface TransformSettings extends SmoothingTrial {
  readonly smoothing: 'None' | 'Search';
  /** Of the branch, at most. */
  readonly iterations: number;
  /** Parts that are added to channels before `down`, at most. */
  readonly splits: number;
}

/** An input of a block, and the layers that read it. */
export interface BlockInput {
  readonly paths: readonly string[];
  readonly sums: SeenInput;
}

/** A matrix as it was trained, float32 `[O, I]`. */
type WeightOf = (path: string) => Tensor;

/** Of the columns of a layer, or of its rows, of which those from `divided` on are divided. */
type OwnSplit = ChannelSplit &
  ({ readonly side: 'Columns' } | { readonly side: 'Rows'; readonly divided: number });

export class BlockTransforms implements Disposable {
  readonly #settings: TransformSettings;
  readonly #columns = new Map<string, Tensor>();
  readonly #rows = new Map<string, Tensor>();
  readonly #splits = new Map<string, OwnSplit>();
  readonly #branches = new Map<string, LowRankBranch>();
  /** Norms and biases, by name. */
  readonly #vectors = new Map<string, Tensor>();

  constructor(settings: TransformSettings) {
    this.#settings = settings;
  }

  /** Finds those of a block, whose norms and biases products read from then on. */
  prepare(model: Model, layer: number, inputs: readonly BlockInput[], weightOf: WeightOf): void {
    const places = smoothingPlaces(decoderConfig(model.config), layer);
    if (this.#settings.smoothing === 'Search') {
      for (const place of places) {
        scope(() => this.#smooth(model, place, inputOf(inputs, place), weightOf));
      }
    }
    if (this.#settings.splits > 0) {
      invariant(
        !decoderConfig(model.config).bias.mlp,
        'biases are not split: the plan refuses such a model',
      );
      const down = places.find(({ producer }) => producer.type === 'Rows');
      if (down !== undefined)
        scope(() => this.#split(model, down, inputOf(inputs, down), weightOf));
    }
    if (this.#settings.rank === 0) return;
    for (const { paths, sums } of inputs) {
      for (const path of paths) scope(() => this.#fitBranch(path, sums, weightOf));
    }
  }

  /** What integers are made of for a trained matrix. */
  rest(path: string, trained: Tensor): Tensor {
    return scope(() => {
      const whole = this.#whole(path, trained);
      const branch = this.#branches.get(path);
      return branch === undefined ? whole : ops.sub(whole, branchMatrix(branch));
    });
  }

  /** Trained rows, rescaled, with channels as they were: the model of these is the trained one. */
  unsplit(path: string, trained: Tensor, [first, behind]: Rows): Tensor {
    return scope(() => {
      const { columns, rows } = this.#rescaling(path);
      return rescaled(trained, {
        columns,
        rows: rows && ops.narrow(rows, 0, first, behind - first),
      });
    });
  }

  /** Of the inputs of a layer as they are divided. */
  gram(path: string, gram: Tensor): Tensor {
    const divided = rescaledGram(gram, this.#columns.get(path) ?? null);
    const split = this.#splits.get(path);
    return split?.side === 'Columns' ? splitGram(divided, split) : divided;
  }

  branch(path: string): LowRankBranch | null {
    return this.#branches.get(path) ?? null;
  }

  /** A norm or bias that is another than the trained one; null where it is the same. */
  vector(name: string): Tensor | null {
    return this.#vectors.get(name) ?? null;
  }

  /** Has products read the trained norms and biases again. */
  restore({ parameters }: Model): void {
    for (const name of this.#vectors.keys()) parameters.unchange(name);
  }

  [Symbol.dispose](): void {
    const branches = [...this.#branches.values()].flatMap(({ A, B }) => [A, B]);
    const vectors = [this.#columns, this.#rows, this.#vectors].flatMap((each) => [
      ...each.values(),
    ]);
    const splits = [...this.#splits.values()].flatMap(({ index, parts }) => [index, parts]);
    for (const each of new Set([...branches, ...vectors, ...splits])) each.dispose();
    const all = [this.#columns, this.#rows, this.#splits, this.#branches, this.#vectors];
    for (const each of all) each.clear();
  }

  #rescaling(path: string): Rescaling {
    return { columns: this.#columns.get(path) ?? null, rows: this.#rows.get(path) ?? null };
  }

  /** With split channels. */
  #whole(path: string, trained: Tensor): Tensor {
    const whole = rescaled(trained, this.#rescaling(path));
    const split = this.#splits.get(path);
    if (split === undefined) return whole;
    const chosen = ops.indexSelect(whole, split.side === 'Columns' ? 1 : 0, split.index);
    if (split.side === 'Columns') return chosen;
    const [rows = 0] = chosen.shape;
    const { divided, parts } = split;
    if (divided < rows) {
      const own = ops.narrow(chosen, 0, divided, rows - divided);
      ops.div_(own, ops.unsqueeze(ops.narrow(parts, 0, divided, rows - divided), 1));
    }
    return chosen;
  }

  #split(model: Model, { readers }: SmoothingPlace, seen: SeenInput, weightOf: WeightOf): void {
    const [path = ''] = readers;
    const columns = this.#columns.get(path) ?? null;
    const divided = (of: Tensor) => (columns === null ? of : ops.div(of, columns));
    const weight = rescaled(weightOf(path), { columns, rows: null });
    const x = divided(seen.rows());
    const largest = divided(seen.largest ?? missing(path));
    const measured = { x, y: ops.linear(x, weight), weight, largest };
    const { splits, ...trial } = this.#settings;
    const found = searchedSplit(measured, splits, trial);
    if (found === null) return;
    const { index, parts } = found;
    const own = () => ({ index: keep(ops.clone(index)), parts: keep(ops.clone(parts)) });
    this.#splits.set(path, { side: 'Columns', ...own() });
    const mlp = path.replace(/down_proj$/, '');
    const { I, fused } = decoderConfig(model.config);
    if (fused) {
      const both = {
        index: ops.cat([index, ops.addScalar(index, I)]),
        parts: ops.cat([parts, parts]),
      };
      const kept = { index: keep(both.index), parts: keep(both.parts) };
      this.#splits.set(`${mlp}gate_up_proj`, { side: 'Rows', divided: I, ...kept });
      return;
    }
    this.#splits.set(`${mlp}gate_proj`, { side: 'Rows', divided: I, ...own() });
    this.#splits.set(`${mlp}up_proj`, { side: 'Rows', divided: 0, ...own() });
  }

  #smooth(model: Model, place: SmoothingPlace, seen: SeenInput, weightOf: WeightOf): void {
    const { parameters } = model;
    const config = decoderConfig(model.config);
    const { producer, readers } = place;
    const largest = seen.largest ?? missing(readers[0]);
    const measured = { weights: readers.map(weightOf), x: seen.rows(), largest };
    if (producer.type === 'Norm') {
      const norm = ops.to(parameters.value(producer.name), model.dtype);
      const folded = (factors: Tensor) => foldedNorm(norm, factors, config.normOffset);
      const found = searchedFactors(measured, this.#settings, (wanted) => folded(wanted).factors);
      if (found.factors === null) return;
      const { norm: divided, factors } = folded(found.factors);
      this.#change(model, producer.name, divided);
      this.#divide(readers, factors);
      return;
    }
    const own = (wanted: Tensor) =>
      producer.type === 'Heads' ? largestOfHeads(wanted, config) : wanted;
    const read = (rows: Tensor) => (producer.type === 'Heads' ? spreadToHeads(rows, config) : rows);
    const { factors } = searchedFactors(measured, this.#settings, (wanted) => read(own(wanted)));
    if (factors === null) return;
    this.#divide(readers, read(own(factors)));
    this.#divideRows(model, producer, own(factors));
  }

  #divide(readers: readonly string[], factors: Tensor): void {
    for (const path of readers) this.#columns.set(path, keep(ops.clone(factors)));
  }

  #divideRows(
    model: Model,
    { path, first }: { readonly path: string; readonly first: number },
    factors: Tensor,
  ): void {
    const { parameters } = model;
    const [out = 0] = parameters.get(`${path}.weight`).shape;
    const rows = ops.ones([out], { dtype: factors.dtype });
    ops.copy_(ops.narrow(rows, 0, first, factors.numel), factors);
    this.#rows.set(path, keep(rows));
    const bias = `${path}.bias`;
    if (!parameters.has(bias)) return;
    const divided = ops.div(ops.to(parameters.value(bias), rows.dtype), rows);
    this.#change(model, bias, ops.to(divided, model.dtype));
  }

  #change({ parameters }: Model, name: string, value: Tensor): void {
    const kept = keep(ops.clone(value));
    this.#vectors.set(name, kept);
    parameters.change(name, () => ops.clone(kept));
  }

  #fitBranch(path: string, seen: SeenInput, weightOf: WeightOf): void {
    const columns = this.#columns.get(path);
    const rows = seen.rows();
    const divided = columns === undefined ? rows : ops.div(rows, columns);
    const split = this.#splits.get(path);
    const x = split?.side === 'Columns' ? splitInputs(divided, split) : divided;
    const weight = this.#whole(path, weightOf(path));
    const outputs = { x, y: ops.linear(x, weight) };
    const { A, B } = fittedBranch(weight, outputs, this.#settings).branch;
    this.#branches.set(path, { A: keep(A), B: keep(B) });
  }
}

function inputOf(inputs: readonly BlockInput[], { readers }: SmoothingPlace): SeenInput {
  const [first = ''] = readers;
  return inputs.find(({ paths }) => paths.includes(first))?.sums ?? missing(first);
}

function missing(path = 'no layer'): never {
  throw new Bug(`nobody saw the inputs of ${path}`);
}
