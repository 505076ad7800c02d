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
import { quantizeBlocks } from './quantize-blocks.ts';
import {
  type IntegerMatrix,
  integerValues,
  quantizeMatrix,
  type RoundingSettings,
} from './quantize-matrix.ts';

interface Trained {
  readonly model: Model;
  readonly layers: readonly LinearLayer[];
  /** As it was trained, float32 `[out, in]`, with what an adapter adds. */
  readonly weightOf: (layer: LinearLayer) => Tensor;
  /** Null for settings that look at no inputs. */
  readonly sequences: readonly HostSequence[] | null;
}

export class QuantizedLayers implements Disposable {
  readonly #settings: RoundingSettings;
  readonly #byPath = new Map<string, IntegerMatrix>();

  constructor(settings: RoundingSettings) {
    this.#settings = settings;
  }

  /** Yields after each block, or after each layer where no inputs are looked at. */
  *make({ model, layers, weightOf, sequences: hosts }: Trained): Generator<number> {
    const byPath = new Map(layers.map((layer) => [layer.path, layer]));
    const add = (path: string, gram: Tensor | null): void => {
      const layer = byPath.get(path) ?? missing(path);
      const found = scope(() => quantizeMatrix(weightOf(layer), gram, this.#settings));
      const { scale, zero } = found.steps;
      const steps = { scale: keep(scale), zero: zero === null ? null : keep(zero) };
      this.#byPath.set(path, { codes: keep(found.codes), steps });
    };
    if (hosts === null) {
      for (const [i, { path }] of layers.entries()) {
        add(path, null);
        yield i + 1;
      }
      return;
    }
    using sequences = new HeldSequences(model, hosts);
    try {
      const made = (path: string, gram: Tensor) => {
        add(path, gram);
        const all = [0, byPath.get(path)?.out ?? 0] as const;
        return () => ops.to(this.values(path, all), model.dtype);
      };
      yield* quantizeBlocks(model, sequences.all, made, this.#settings.inputs);
    } finally {
      for (const { path } of layers) model.parameters.unchange(`${path}.weight`);
      model.parameters.disposeMade();
      multiplyOut(model);
    }
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
