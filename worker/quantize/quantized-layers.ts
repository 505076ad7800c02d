// The linear layers of a trained model as integers, made after training: for the form that holds
// them.
import { Bug } from '../../crds/failures/errors.ts';
import { HeldSequences } from '../engine/held-sequences.ts';
import type { Model } from '../engine/model.ts';
import { multiplyOut } from '../engine/multiplied-out.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { Rows } from '../files/row-panels.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { CodedRows } from '../methods/weights/weight-grid.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';
import { globalScale } from './float-grid.ts';
import { quantizeBlocks, trainBlocks } from './quantize-blocks.ts';
import {
  type IntegerMatrix,
  integerValues,
  quantizeMatrix,
  type RoundingSettings,
  trainMatrix,
} from './quantize-matrix.ts';
import { fromZero, isFloat, type RoundingGrid } from './rounding-grid.ts';
import { trainWindows, type WindowSettings } from './windows.ts';

interface Settings extends RoundingSettings {
  /** Where windows of blocks train; absent where each layer is quantized by itself. */
  readonly windows?: WindowSettings | undefined;
}

interface Trained {
  readonly model: Model;
  readonly layers: readonly LinearLayer[];
  /** As it was trained, float32 `[out, in]`, with what an adapter adds. */
  readonly weightOf: (layer: LinearLayer) => Tensor;
  /** Null for settings that look at no inputs. */
  readonly sequences: readonly HostSequence[] | null;
}

export class QuantizedLayers implements Disposable {
  readonly #settings: Settings;
  readonly #byPath = new Map<string, IntegerMatrix>();
  /** What scales in e4m3 are divided by, by the path of a layer. */
  readonly #globals = new Map<string, number>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Yields after each block, or after each layer where no inputs are looked at. */
  *make({ model, layers, weightOf, sequences: hosts }: Trained): Generator<number> {
    const byPath = new Map(layers.map((layer) => [layer.path, layer]));
    const settings = this.#settings;
    const take = (path: string, matrix: IntegerMatrix): (() => Tensor) => {
      this.#keep(path, matrix);
      const { out } = byPath.get(path) ?? missing(path);
      return () => ops.to(this.values(path, [0, out]), model.dtype);
    };
    const add = (
      path: string,
      make: (weight: Tensor, grid: RoundingGrid) => IntegerMatrix,
    ): (() => Tensor) => {
      const layer = byPath.get(path) ?? missing(path);
      return take(
        path,
        scope(() => make(weightOf(layer), this.#gridOf(layer, { layers, weightOf }))),
      );
    };
    if (hosts === null) {
      for (const [i, { path }] of layers.entries()) {
        add(path, (weight, grid) => quantizeMatrix(weight, null, { ...settings, grid }));
        yield i + 1;
      }
      return;
    }
    using sequences = new HeldSequences(model, hosts);
    try {
      if (settings.windows !== undefined) {
        const rounding = (): RoundingSettings => settings;
        const trained = { model, sequences: sequences.all, layers, weightOf, rounding, take };
        yield* trainWindows(trained, settings.windows);
        return;
      }
      yield* settings.rounding === 'AdaQuant'
        ? trainBlocks(
            model,
            sequences.all,
            (path, seen) => add(path, (weight) => trainMatrix(weight, seen, settings)),
            settings.inputs,
          )
        : quantizeBlocks(
            model,
            sequences.all,
            (path, gram) =>
              add(path, (weight, grid) => quantizeMatrix(weight, gram, { ...settings, grid })),
            settings.inputs,
          );
    } finally {
      for (const { path } of layers) model.parameters.unchange(`${path}.weight`);
      model.parameters.disposeMade();
      multiplyOut(model);
    }
  }

  #keep(path: string, { codes, steps: { scale, zero } }: IntegerMatrix): void {
    const steps = { scale: keep(scale), zero: zero === null ? null : keep(zero) };
    this.#byPath.set(path, { codes: keep(codes), steps });
  }

  /** Some rows of a layer, as a file has them. */
  coded({ path }: LinearLayer, rows: Rows): CodedRows {
    return scope(() => {
      const { codes, steps } = this.#rows(path, rows);
      const { scale: scales, zero: zeros } = steps;
      const q = fromZero(codes, { scale: scales, zero: null }, this.#settings.grid);
      return { codes: q, scales, zeros };
    });
  }

  global({ path }: LinearLayer): number {
    return this.#globals.get(path) ?? missing(path);
  }

  /** Layers that runtimes compute as one share what their scales are divided by. */
  #gridOf(layer: LinearLayer, trained: Pick<Trained, 'layers' | 'weightOf'>): RoundingGrid {
    const { grid } = this.#settings;
    if (!isFloat(grid) || grid.scales !== 'E4M3') return grid;
    const one = oneProduct(layer);
    const known = this.#globals.get(layer.path);
    const largest = (each: LinearLayer) =>
      scope(() => item(ops.amax(ops.abs(trained.weightOf(each)))));
    if (known === undefined) {
      const together = trained.layers.filter((each) => oneProduct(each) === one);
      const global = globalScale(Math.max(...together.map(largest)));
      for (const { path } of together) this.#globals.set(path, global);
    }
    return { ...grid, global: this.global(layer) };
  }

  /** The values that these rows stand for, in float32. */
  values(path: string, rows: Rows): Tensor {
    return scope(() => integerValues(this.#rows(path, rows), this.#settings.grid));
  }

  #rows(path: string, [first, behind]: Rows): IntegerMatrix {
    const { codes, steps } = this.#byPath.get(path) ?? missing(path);
    const narrowed = (of: Tensor) => ops.narrow(of, 0, first, behind - first);
    const zero = steps.zero === null ? null : narrowed(steps.zero);
    return { codes: narrowed(codes), steps: { scale: narrowed(steps.scale), zero } };
  }

  [Symbol.dispose](): void {
    for (const { codes, steps } of this.#byPath.values()) {
      for (const each of [codes, steps.scale, steps.zero]) each?.dispose();
    }
    this.#byPath.clear();
  }
}

/** q, k and v of a block are one; gate and up are. */
function oneProduct({ path }: LinearLayer): string {
  return path.replace(/\.[qkv]_proj$/, '.qkv').replace(/\.(gate|up)_proj$/, '.gate_up');
}

function missing(path: string): never {
  throw new Bug(`${path} was not quantized`);
}
