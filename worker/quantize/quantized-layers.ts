// The linear layers of a trained model in codes of few bits, made after training: for the form that
// holds them.
import { Bug } from '../../crds/failures/errors.ts';
import { memoryConstants } from '../../crds/plan/memory-constants.ts';
import { HeldSequences } from '../engine/held-sequences.ts';
import type { Model } from '../engine/model.ts';
import { multiplyOut } from '../engine/multiplied-out.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { Rows } from '../files/row-panels.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { asBfloat16 } from '../methods/weights/learned-step.ts';
import type { CodedRows } from '../methods/weights/weight-grid.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';
import type { SeenInputs } from './adaquant.ts';
import { type BlockInput, BlockTransforms, type TransformSettings } from './block-transforms.ts';
import { globalScale } from './float-grid.ts';
import { lowRankError } from './low-rank-error.ts';
import { chooseBits } from './mixed-bits.ts';
import { quantizeBlocks, trainBlocks } from './quantize-blocks.ts';
import {
  type CodedMatrix,
  codedValues,
  integersOf,
  quantizeMatrix,
  type RoundingSettings,
  trainMatrix,
} from './quantize-matrix.ts';
import { fromZero, isFloat, type RoundingGrid } from './rounding-grid.ts';
import { trialRows } from './seen-input.ts';
import { branchMatrix, type LowRankBranch } from './trial.ts';
import { trainWindows, type WindowSettings } from './windows.ts';

interface Settings extends RoundingSettings {
  /** Where windows of blocks train; absent where each layer is quantized by itself. */
  readonly windows?: WindowSettings | undefined;
  /** Of what quantizing loses and stays beside a layer, where nothing is smoothed. @default 0 */
  readonly lowRank?: number;
  /** Where layers have bits of their own: their average. @default those of the grid */
  readonly averageBits?: number | undefined;
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
  readonly #byPath = new Map<string, CodedMatrix>();
  /** What scales in e4m3 are divided by, by the path of a layer. */
  readonly #globals = new Map<string, number>();
  readonly #transforms: BlockTransforms | null;
  /** What quantizing lost, by the path of a layer. */
  readonly #lost = new Map<string, LowRankBranch>();
  #widths: ReadonlyMap<string, number> = new Map();

  /** `transforms`: what is done to the model before integers are made of it. */
  constructor(settings: Settings, transforms: TransformSettings | null = null) {
    this.#settings = settings;
    this.#transforms = transforms && new BlockTransforms(transforms);
  }

  /** Bits of each layer, where it has its own. */
  get widths(): ReadonlyMap<string, number> {
    return this.#widths;
  }

  /** Where layers have bits of their own, before `make`; yields after each block. */
  *choose({ sequences: hosts, ...trained }: Trained): Generator<number> {
    const { averageBits } = this.#settings;
    const { trialSequences } = memoryConstants.quantize;
    if (averageBits === undefined || hosts === null) return;
    using sequences = new HeldSequences(trained.model, hosts.slice(0, trialSequences));
    const measured = { ...trained, sequences: sequences.all };
    this.#widths = yield* chooseBits(measured, this.#settings, averageBits);
  }

  /** Yields after each block, or after each layer where no inputs are looked at. */
  *make({ model, layers, weightOf, sequences: hosts }: Trained): Generator<number> {
    const byPath = new Map(layers.map((layer) => [layer.path, layer]));
    const settings = this.#settings;
    const transforms = this.#transforms;
    const layerAt = (path: string) => byPath.get(path) ?? missing(path);
    const weightAt = (path: string) => weightOf(layerAt(path));
    const take = (path: string, matrix: CodedMatrix): (() => Tensor) => {
      this.#keep(path, matrix);
      return () => ops.to(this.whole(path), model.dtype);
    };
    const add = (path: string, make: (weight: Tensor) => CodedMatrix): (() => Tensor) =>
      take(
        path,
        scope(() => make(weightAt(path))),
      );
    const quantize = (path: string, seen: Tensor | null): (() => Tensor) =>
      add(path, (trained) => {
        const grid = this.#gridWithGlobal(layerAt(path), { layers, weightOf });
        const weight = transforms?.rest(path, trained) ?? trained;
        const gram = seen === null ? null : (transforms?.gram(path, seen) ?? seen);
        const found = quantizeMatrix(weight, gram, { ...settings, grid });
        if (transforms === null) this.#keepLost(path, weight, found, gram);
        return found;
      });
    if (hosts === null) {
      for (const [i, { path }] of layers.entries()) {
        quantize(path, null);
        yield i + 1;
      }
      return;
    }
    using sequences = new HeldSequences(model, hosts);
    try {
      if (settings.windows !== undefined) {
        const rounding = (path: string): RoundingSettings => ({
          ...settings,
          grid: this.#gridAt(path),
        });
        const trained = { model, sequences: sequences.all, layers, weightOf, rounding, take };
        yield* trainWindows(trained, settings.windows);
        return;
      }
      if (settings.rounding === 'AdaQuant') {
        const train = (path: string, seen: SeenInputs) =>
          add(path, (weight) =>
            trainMatrix(weight, seen, { ...settings, grid: this.#gridAt(path) }),
          );
        yield* trainBlocks(model, sequences.all, train, settings.inputs);
        return;
      }
      const preparation = transforms && {
        every: strideOf(hosts),
        prepare: (layer: number, inputs: readonly BlockInput[]) =>
          transforms.prepare(model, layer, inputs, weightAt),
        ...(transforms.isReadDivided(model.config) && {
          divisor: (path: string) => transforms.divisor(path),
        }),
      };
      yield* quantizeBlocks(model, sequences.all, quantize, settings.inputs, preparation);
    } finally {
      transforms?.restore(model);
      for (const { path } of layers) model.parameters.unchange(`${path}.weight`);
      model.parameters.disposeMade();
      multiplyOut(model);
    }
  }

  #keepLost(path: string, weight: Tensor, found: CodedMatrix, gram: Tensor | null): void {
    const { lowRank = 0 } = this.#settings;
    if (lowRank === 0) return;
    const error = ops.sub(weight, codedValues(found, this.#gridAt(path)));
    const squares = gram && ops.contiguous(ops.diagonal(gram));
    const { A, B } = lowRankError(error, lowRank, squares);
    // As the file has them.
    this.#lost.set(path, { A: keep(asBfloat16(A)), B: keep(asBfloat16(B)) });
  }

  #keep(path: string, { codes, steps: { scale, zero } }: CodedMatrix): void {
    const steps = { scale: keep(scale), zero: zero === null ? null : keep(zero) };
    this.#byPath.set(path, { codes: keep(codes), steps });
  }

  /** Some rows of a layer, as a file has them. */
  coded({ path }: LinearLayer, rows: Rows): CodedRows {
    return scope(() => {
      const { codes, steps } = this.#rows(path, rows);
      const { scale: scales, zero: zeros } = steps;
      const q = fromZero(codes, { scale: scales, zero: null }, this.#gridAt(path));
      return { codes: q, scales, zeros };
    });
  }

  global({ path }: LinearLayer): number {
    return this.#globals.get(path) ?? missing(path);
  }

  #gridAt(path: string): RoundingGrid {
    const { grid } = this.#settings;
    const bits = this.#widths.get(path);
    return bits === undefined ? grid : { ...integersOf(grid), bits };
  }

  /** Layers that runtimes compute as one share what their scales are divided by. */
  #gridWithGlobal(layer: LinearLayer, trained: Pick<Trained, 'layers' | 'weightOf'>): RoundingGrid {
    const grid = this.#gridAt(layer.path);
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

  /**
   * What codes are made of for trained rows, float32, which it takes over; but for channels that
   * are split, so that the model of these is the trained one.
   */
  uncoded(path: string, trained: Tensor, rows: Rows): Tensor {
    const transforms = this.#transforms;
    const branch = this.#branchOf(path);
    if (transforms === null && branch === null) return trained;
    const rest = keep(
      scope(() => {
        const whole = transforms?.unsplit(path, trained, rows) ?? trained;
        if (branch === null) return whole;
        const [first, behind] = rows;
        const B = ops.narrow(branch.B, 0, first, behind - first);
        return ops.sub(whole, branchMatrix({ ...branch, B }));
      }),
    );
    // A layer of which nothing was taken is the trained one.
    if (rest !== trained) trained.dispose();
    return rest;
  }

  /** A norm or bias that is another than the trained one; null where it is the same. */
  vector(name: string): Tensor | null {
    return this.#transforms?.vector(name) ?? null;
  }

  /** What stays in 16 bits beside the codes of a layer, of inputs that are not divided. */
  branch(path: string): LowRankBranch {
    const { A, B } = this.#branchOf(path) ?? missing(path);
    const divisor = this.divisor(path);
    return { A: divisor === null ? A : ops.div(A, divisor), B };
  }

  /** What inputs of a layer are divided by where its codes read them; null: nothing. */
  divisor(path: string): Tensor | null {
    return this.#transforms?.divisor(path) ?? null;
  }

  /** What stands for a layer: its codes with what is added to them, float32, as they are read. */
  whole(path: string): Tensor {
    return scope(() => {
      const values = this.values(path, [0, this.#byPath.get(path)?.codes.shape[0] ?? 0]);
      const branch = this.#branchOf(path);
      return branch === null ? values : ops.add_(values, branchMatrix(branch));
    });
  }

  /** The values that these rows stand for, in float32. */
  values(path: string, rows: Rows): Tensor {
    return scope(() => codedValues(this.#rows(path, rows), this.#gridAt(path)));
  }

  #branchOf(path: string): LowRankBranch | null {
    return this.#transforms?.branch(path) ?? this.#lost.get(path) ?? null;
  }

  #rows(path: string, [first, behind]: Rows): CodedMatrix {
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
    for (const { A, B } of this.#lost.values()) for (const each of [A, B]) each.dispose();
    this.#lost.clear();
    this.#transforms?.[Symbol.dispose]();
  }
}

/** One token of so many is kept for trials; of pictures, not always the same of their patches. */
function strideOf(hosts: readonly HostSequence[]): number {
  const tokens = hosts.reduce((sum, { ids }) => sum + ids.length, 0);
  let stride = Math.max(1, Math.ceil(tokens / trialRows));
  const [first] = hosts;
  const patches = first?.values === undefined ? 1 : (first.offsets[1] ?? 1);
  while (commonDivisor(stride, patches) > 1) stride += 1;
  return stride;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** q, k and v of a block are one; gate and up are. */
function oneProduct({ path }: LinearLayer): string {
  return path.replace(/\.[qkv]_proj$/, '.qkv').replace(/\.(gate|up)_proj$/, '.gate_up');
}

function missing(path: string): never {
  throw new Bug(`${path} was not quantized`);
}
