// What the layers of a model are quantized as: rescaled, and without a branch of low rank that
// stays in 16 bits beside them. Found block by block, and kept until the result was compared.
import { Bug } from '../../crds/failures/errors.ts';
import type { Model } from '../engine/model.ts';
import type { Rows } from '../files/row-panels.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
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
}

/** An input of a block, and the layers that read it. */
export interface BlockInput {
  readonly paths: readonly string[];
  readonly sums: SeenInput;
}

/** A matrix as it was trained, float32 `[O, I]`. */
type WeightOf = (path: string) => Tensor;

export class BlockTransforms implements Disposable {
  readonly #settings: TransformSettings;
  readonly #columns = new Map<string, Tensor>();
  readonly #rows = new Map<string, Tensor>();
  readonly #branches = new Map<string, LowRankBranch>();
  /** Norms and biases, by name. */
  readonly #vectors = new Map<string, Tensor>();

  constructor(settings: TransformSettings) {
    this.#settings = settings;
  }

  /** Finds those of a block, whose norms and biases products read from then on. */
  prepare(model: Model, layer: number, inputs: readonly BlockInput[], weightOf: WeightOf): void {
    const places = smoothingPlaces(model.config, layer);
    if (this.#settings.smoothing === 'Search') {
      for (const place of places) {
        scope(() => this.#smooth(model, place, inputOf(inputs, place), weightOf));
      }
    }
    if (this.#settings.rank === 0) return;
    for (const { paths, sums } of inputs) {
      for (const path of paths) scope(() => this.#fitBranch(path, sums, weightOf));
    }
  }

  /** What integers are made of for these rows of a trained matrix. */
  rest(path: string, trained: Tensor, [first, behind]: Rows): Tensor {
    const narrowed = (of: Tensor) => ops.narrow(of, 0, first, behind - first);
    return scope(() => {
      const { columns, rows } = this.#rescaling(path);
      const whole = rescaled(trained, { columns, rows: rows && narrowed(rows) });
      const branch = this.#branches.get(path);
      if (branch === undefined) return whole;
      const { A, B } = branch;
      return ops.sub(whole, branchMatrix({ A, B: narrowed(B) }));
    });
  }

  /** Of the inputs of a layer as they are divided. */
  gram(path: string, gram: Tensor): Tensor {
    return rescaledGram(gram, this.#columns.get(path) ?? null);
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
    for (const each of new Set([...branches, ...vectors])) each.dispose();
    for (const each of [this.#columns, this.#rows, this.#branches, this.#vectors]) each.clear();
  }

  #rescaling(path: string): Rescaling {
    return { columns: this.#columns.get(path) ?? null, rows: this.#rows.get(path) ?? null };
  }

  #smooth(model: Model, place: SmoothingPlace, seen: SeenInput, weightOf: WeightOf): void {
    const { config, parameters } = model;
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
    const x = columns === undefined ? rows : ops.div(rows, columns);
    const weight = rescaled(weightOf(path), this.#rescaling(path));
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
