// What the layers of a model are quantized as: rescaled, and without a branch of low rank that
// stays in 16 bits beside them. Found block by block, and kept until the result was compared.

import { Bug, invariant } from '../../crds/failures/errors.ts';
import { decoderConfig } from '../decoder/config.ts';
import type { Model } from '../engine/model.ts';
import type { ModelConfig } from '../families/family.ts';
import type { Rows } from '../files/row-panels.ts';
import { asBfloat16 } from '../methods/weights/learned-step.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type ChannelSplit, searchedSplit, splitGram, splitInputs } from './channel-split.ts';
import { foldingInto } from './folding.ts';
import { fittedBranch } from './low-rank-branch.ts';
import { type Rescaling, rescaled, rescaledGram } from './rescale.ts';
import { exactlyRead } from './rounded-inputs.ts';
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
  /** Of layers whose inputs are divided where they are read. */
  readonly #divisors = new Map<string, Tensor>();
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
    const exact = exactlyRead(model.config);
    for (const { paths, sums } of inputs) {
      for (const path of paths) {
        const settings = exact.has(path)
          ? { ...this.#settings, inputs: undefined }
          : this.#settings;
        scope(() => this.#fitBranch(path, sums, weightOf, settings));
      }
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

  /** Whether layers of such a model may read inputs divided. */
  isReadDivided(config: ModelConfig): boolean {
    const isOf = ({ producer }: SmoothingPlace) => producer.type === 'Nothing';
    return this.#settings.smoothing === 'Search' && smoothingPlaces(config, 0).some(isOf);
  }

  /** What the inputs of a layer are divided by where they are read; null: nothing. */
  divisor(path: string): Tensor | null {
    return this.#divisors.get(path) ?? null;
  }

  /** Beside the codes, of inputs that are divided as theirs are. */
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
    const vectors = [this.#columns, this.#rows, this.#vectors, this.#divisors].flatMap((each) => [
      ...each.values(),
    ]);
    const splits = [...this.#splits.values()].flatMap(({ index, parts }) => [index, parts]);
    for (const each of new Set([...branches, ...vectors, ...splits])) each.dispose();
    const all = [this.#columns, this.#rows, this.#splits, this.#branches, this.#vectors];
    for (const each of [...all, this.#divisors]) each.clear();
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

  #smooth(
    model: Model,
    { producer, readers }: SmoothingPlace,
    seen: SeenInput,
    weightOf: WeightOf,
  ): void {
    const { parameters, dtype } = model;
    const current = (name: string): Tensor | null => {
      const changed = this.#vectors.get(name);
      if (changed !== undefined) return changed;
      return parameters.has(name) ? ops.to(parameters.value(name), dtype) : null;
    };
    const rowsOf = (path: string) => parameters.get(`${path}.weight`).shape[0] ?? 0;
    const { allowed, fold } = foldingInto(producer, current, rowsOf);
    const largest = seen.largest ?? missing(readers[0]);
    const measured = { weights: readers.map(weightOf), x: seen.rows(), largest };
    const { factors } = searchedFactors(measured, this.#settings, allowed);
    if (factors === null) return;
    const { columns, rows, vectors, isRead } = fold(factors);
    for (const path of readers) {
      this.#columns.set(path, keep(ops.clone(columns)));
      if (isRead) this.#divisors.set(path, keep(ops.clone(columns)));
    }
    if (rows !== null) this.#divideRows(rows.path, rows.by);
    for (const [name, value] of vectors) this.#change(model, name, value);
  }

  /** Rows of one layer may be those of several places. */
  #divideRows(path: string, by: Tensor): void {
    const before = this.#rows.get(path);
    this.#rows.set(path, keep(before === undefined ? ops.clone(by) : ops.mul(before, by)));
    before?.dispose();
  }

  #change({ parameters }: Model, name: string, value: Tensor): void {
    const kept = keep(ops.clone(value));
    this.#vectors.get(name)?.dispose();
    this.#vectors.set(name, kept);
    parameters.change(name, () => ops.clone(kept));
  }

  #fitBranch(path: string, seen: SeenInput, weightOf: WeightOf, settings: TransformSettings): void {
    const columns = this.#columns.get(path);
    const rows = seen.rows();
    const divided = columns === undefined ? rows : ops.div(rows, columns);
    const split = this.#splits.get(path);
    const x = split?.side === 'Columns' ? splitInputs(divided, split) : divided;
    const weight = this.#whole(path, weightOf(path));
    const outputs = { x, y: ops.linear(x, weight) };
    const { A, B } = fittedBranch(weight, outputs, settings).branch;
    this.#branches.set(path, { A: keep(asStored(A, this.divisor(path))), B: keep(B) });
  }
}

/** A factor whose values are of bfloat16 in its file, where its inputs are not divided. */
function asStored(A: Tensor, divisor: Tensor | null): Tensor {
  return divisor === null ? A : ops.mul(asBfloat16(ops.div(A, divisor)), divisor);
}

function inputOf(inputs: readonly BlockInput[], { readers }: SmoothingPlace): SeenInput {
  const [first = ''] = readers;
  return inputs.find(({ paths }) => paths.includes(first))?.sums ?? missing(first);
}

function missing(path = 'no layer'): never {
  throw new Bug(`nobody saw the inputs of ${path}`);
}
