// The linear layers of a trained model as integers, made after training: for the form that holds
// them.
import { Bug } from '../../crds/failures/errors.ts';
import { HeldSequences } from '../engine/held-sequences.ts';
import type { Model } from '../engine/model.ts';
import { multiplyOut } from '../engine/multiplied-out.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { Rows } from '../files/row-panels.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { codeRange } from '../methods/weights/learned-step.ts';
import type { CodedRows } from '../methods/weights/weight-grid.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { quantizeBlocks, trainBlocks } from './quantize-blocks.ts';
import {
  type IntegerMatrix,
  integerValues,
  quantizeMatrix,
  type RoundingSettings,
  trainMatrix,
} from './quantize-matrix.ts';
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
    const add = (path: string, make: (weight: Tensor) => IntegerMatrix): (() => Tensor) => {
      const layer = byPath.get(path) ?? missing(path);
      return take(
        path,
        scope(() => make(weightOf(layer))),
      );
    };
    if (hosts === null) {
      for (const [i, { path }] of layers.entries()) {
        add(path, (weight) => quantizeMatrix(weight, null, settings));
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
            (path, gram) => add(path, (weight) => quantizeMatrix(weight, gram, settings)),
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
    const [low] = codeRange(this.#settings.grid);
    return scope(() => {
      const { codes, steps } = this.#rows(path, rows);
      const { scale: scales, zero: zeros } = steps;
      return { codes: ops.addScalar(ops.to(codes, 'float32'), low), scales, zeros };
    });
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

function missing(path: string): never {
  throw new Bug(`${path} was not quantized`);
}
