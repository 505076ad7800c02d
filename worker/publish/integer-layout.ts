// How linear layers lie in a file as integers with scales: names, shapes and order of bits of one
// format, both ways.
import { Bug } from '../../crds/failures/errors.ts';
import { type Rows, rowPanels } from '../files/row-panels.ts';
import type { WritableTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { IntegerGrid } from '../methods/weights/learned-step.ts';
import type { CodedRows } from '../methods/weights/weight-grid.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';
import type { LinearLayout } from './linear-layout.ts';
import type { StoredFolder } from './stored-folder.ts';

/** Linear layers as integers. */
export interface Integers extends Pick<IntegerGrid, 'bits' | 'range' | 'groupSize'> {
  /** Where layers have bits of their own: those of each, once they are chosen. @default bits */
  readonly widths?: () => ReadonlyMap<string, number>;
  coded(layer: LinearLayer, rows: Rows): CodedRows;
}

/** A layer as its tensors in a file have it. */
interface StoredIntegers {
  /** Codes from 0, `[count, in]`. */
  codes(first: number, count: number): Tensor;
  /** `[out, groups]` */
  readonly scales: Tensor;
  /** `[out, groups]`, from 0; null where each is the middle of the range. */
  readonly zeros: Tensor | null;
  /** Mapped tensors, whose pages are released once all is read. */
  readonly mapped: readonly Tensor[];
}

export interface IntegerLayout {
  /** What scales and zero points are at least, so that the layout can hold them. */
  readonly least?: NonNullable<IntegerGrid['least']>;
  /** By the end of their names. */
  planned(
    layer: LinearLayer,
    integers: Integers,
    dtype: DType,
  ): Readonly<Record<string, WritableTensor>>;
  stored(folder: StoredFolder, layer: LinearLayer, integers: Integers): StoredIntegers;
  config(integers: Integers): LinearLayout['config'];
}

/** Scales are written in `dtype`, where the layout has no type of its own for them. */
export function integersIn(layout: IntegerLayout, integers: Integers, dtype: DType): LinearLayout {
  const ofLayer = ({ path }: LinearLayer): Integers => ({
    ...integers,
    bits: integers.widths?.().get(path) ?? integers.bits,
  });
  return {
    planned: (layer) =>
      Object.entries(layout.planned(layer, ofLayer(layer), dtype)).map(([own, planned]) => [
        `${layer.path}.${own}`,
        planned,
      ]),
    decoded: (stored, layer, type) => {
      const own = ofLayer(layer);
      return scope(() => decodedIn(layout.stored(stored, layer, own), layer, own, type));
    },
    config: (inputs) => layout.config(integers)(inputs),
  };
}

/** What is added to codes so that none is below zero. */
export function offsetOf({ range, bits }: Pick<Integers, 'range' | 'bits'>): number {
  return range === 'Symmetric' ? 2 ** (bits - 1) : 0;
}

/** Scales or zero points of all rows, `[out, groups]`. */
export function ofGroups(integers: Integers, layer: LinearLayer, part: 'scales' | 'zeros'): Tensor {
  const parts = rowPanels([layer.out, layer.in]).map((rows) =>
    scope(() => integers.coded(layer, rows)[part] ?? withoutZeros()),
  );
  return ops.cat(parts);
}

function withoutZeros(): never {
  throw new Bug('a symmetric grid has no zero points');
}

/** The codes of some rows, counted from 0. */
export function codesFromZero(integers: Integers, layer: LinearLayer, rows: Rows): Tensor {
  return scope(() => ops.addScalar(integers.coded(layer, rows).codes, offsetOf(integers)));
}

/** The dense matrix that the integers of a layer stand for, some rows at a time. */
function decodedIn(
  { codes, scales, zeros, mapped }: StoredIntegers,
  { out, in: inputs }: LinearLayer,
  grid: Integers,
  dtype: DType,
): Tensor {
  const all = ops.empty([out, inputs], { dtype });
  const [, groups = 1] = scales.shape;
  for (const [first, behind] of rowPanels(all.shape, rowsOfWord)) {
    scope(() => {
      const rows = (of: Tensor) => ops.narrow(of, 0, first, behind - first);
      const own = ops.view(codes(first, behind - first), [-1, groups, inputs / groups]);
      const steps =
        zeros === null
          ? ops.subScalar(own, offsetOf(grid))
          : ops.sub(own, ops.unsqueeze(rows(zeros), 2));
      const values = ops.mul(ops.to(steps, dtype), ops.to(ops.unsqueeze(rows(scales), 2), dtype));
      ops.copy_(rows(all), ops.view(values, [behind - first, inputs]));
    });
  }
  for (const each of mapped) releasePages(each);
  return all;
}

/** Rows that a word of AWQ holds; no panel begins within one. */
export const rowsOfWord = 8;
