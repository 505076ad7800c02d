// Adapters beside one base: each product of the base is computed once for all rows of a step, then
// every adapter adds its low-rank product to the rows that use it.
import type { TapOfRows } from '../decoding/step-logits.ts';
import { linearLayers } from '../engine/adapted-layers.ts';
import type { Model } from '../engine/model.ts';
import type { LayerInput, Tap } from '../nn/linear.ts';
import { exactType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { onDevice, type Tensor } from '../tensor/tensor.ts';
import { type AdapterFile, nameOf, openAdapter } from './adapter-files.ts';
import { requireBase } from './require-base.ts';

export interface Factors {
  /** `[r, in]` */
  readonly A: Tensor;
  /** `[out, r]`, times the scale; turned in memory, the order in which few rows read it. */
  readonly B: Tensor;
}

export class ServedAdapter implements Disposable {
  readonly bytes: number;
  /** By name of the weight that they change. */
  readonly #layers: ReadonlyMap<string, Factors>;

  /** Owns the factors, which no scope frees. */
  constructor(layers: ReadonlyMap<string, Factors>) {
    this.#layers = layers;
    this.bytes = this.#tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Names of the weights that it changes. */
  get weights(): readonly string[] {
    return [...this.#layers.keys()];
  }

  factors(weight: string): Factors | undefined {
    return this.#layers.get(weight);
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }

  get #tensors(): readonly Tensor[] {
    return [...this.#layers.values()].flatMap(({ A, B }) => [A, B]);
  }
}

function readAdapter(
  { layers, file, scaleOf }: AdapterFile,
  { dtype, device }: Model,
): ServedAdapter {
  const type = exactType(dtype);
  /** A copy: the file is closed when all are read. */
  const load = (path: string, factor: 'A' | 'B', scale: number): Tensor =>
    ops.mulScalar(file.load(nameOf(path, factor), { dtype: type }), scale);
  const own = (make: () => Tensor): Tensor => keep(onDevice(scope(make, 'cpu'), device));
  return scope(
    () =>
      new ServedAdapter(
        new Map(
          layers.map((layer) => [
            `${layer.path}.weight`,
            {
              A: own(() => load(layer.path, 'A', 1)),
              B: own(() => turned(load(layer.path, 'B', scaleOf(layer)))),
            },
          ]),
        ),
      ),
  );
}

/** The same values, columns dense. */
function turned(B: Tensor): Tensor {
  return ops.t(ops.contiguous(ops.t(B)));
}

export interface Base {
  readonly model: Model;
  readonly digest: string;
  /** Whether adapters that do not name their base are served. */
  readonly acceptsUnnamed: boolean;
}

/** Refuses an adapter that was trained on another base. `fits` throws for one that is too large. */
export async function loadAdapter(
  name: string,
  folder: string,
  base: Base,
  fits: (bytes: number) => void = () => {},
): Promise<ServedAdapter> {
  using opened = await openAdapter(folder, linearLayers(base.model.config));
  requireBase(name, folder, opened.baseDigest, base);
  fits(opened.bytes);
  return readAdapter(opened, base.model);
}

interface Group {
  readonly adapter: ServedAdapter;
  readonly from: number;
  readonly count: number;
}

/** Of rows whose questions have adapters as their change. */
export const adapterTap: TapOfRows = (rows) => {
  const groups: Group[] = [];
  for (const { lane, from, count } of rows) {
    const { change } = lane;
    if (!(change instanceof ServedAdapter)) continue;
    const last = groups.at(-1);
    const goesOn = last?.adapter === change && last.from + last.count === from;
    if (goesOn) groups.pop();
    groups.push(goesOn ? { ...last, count: last.count + count } : { adapter: change, from, count });
  }
  if (groups.length === 0) return undefined;
  return (weight) => {
    const own = groups.flatMap(({ adapter, ...rows }) => {
      const factors = adapter.factors(weight);
      return factors === undefined ? [] : [{ ...rows, ...factors }];
    });
    return own.length === 0 ? null : addTo(own);
  };
};

function addTo(groups: readonly (Factors & Omit<Group, 'adapter'>)[]): Tap {
  const [as, bs] = [groups.map(({ A }) => A), groups.map(({ B }) => B)];
  const rows = groups.flatMap(({ from, count }) => [from, count]);
  return (output: Tensor, input: LayerInput) => {
    scope(() => void ops.addLowRank_(output, input.make(), as, bs, rows));
    return output;
  };
}
