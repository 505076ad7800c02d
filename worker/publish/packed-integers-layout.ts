// Integers of some bits in the layout `pack-quantized` of compressed-tensors, by the path of a layer:
//   weight_packed      int32 [O, ceil(I bits / 32)], code after code
//   weight_scale       [O, groups], in the type of the model: values of bfloat16
//   weight_zero_point  int32 [ceil(O bits / 32), groups], packed by columns; asymmetric
//   weight_shape       int64 [2]
// Symmetric codes are written with 2^(bits - 1) added.
import { Bug } from '../../crds/failures/errors.ts';
import { type Rows, rowPanels } from '../files/row-panels.ts';
import type { PlannedTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { packRows, unpackRows, wordsOf } from '../methods/weights/packed-integers.ts';
import type { CodedRows, GridOfIntegers } from '../methods/weights/weight-grid.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor, tensor } from '../tensor/tensor.ts';
import { integerWeights, type LinearLayout, type Planned } from './linear-layout.ts';
import type { StoredFolder } from './stored-folder.ts';

interface Integers extends Pick<GridOfIntegers, 'bits' | 'range' | 'groupSize'> {
  coded(layer: LinearLayer, rows: Rows): CodedRows;
}

/** Scales are written in `dtype`. */
export function packedIntegers(integers: Integers, dtype: DType): LinearLayout {
  return {
    format: 'pack-quantized',
    weights: integerWeights(integers),
    planned: (layer) => plannedTensors(layer, integers, dtype),
    decoded: (stored, layer, type) => decodedIn(stored, layer, integers, type),
  };
}

function plannedTensors(layer: LinearLayer, integers: Integers, dtype: DType): Planned {
  const { bits } = integers;
  const { path, out, in: inputs } = layer;
  const groups = inputs / (integers.groupSize ?? inputs);
  const packed = { shape: [out, wordsOf(inputs, bits)], dtype: 'int32' } as const;
  const zeros: PlannedTensor = {
    ...{ shape: [wordsOf(out, bits), groups], dtype: 'int32' },
    make: () => ops.contiguous(ops.t(packRows(ops.t(ofGroups(integers, layer, 'zeros')), bits))),
  };
  const scales: PlannedTensor = {
    ...{ shape: [out, groups], dtype },
    make: () => ops.to(ofGroups(integers, layer, 'scales'), dtype),
  };
  const shape: PlannedTensor = {
    ...{ shape: [2], dtype: 'int64' },
    make: () => tensor([out, inputs], [2], 'int64'),
  };
  return [
    [`${path}.weight_packed`, { ...packed, panels: () => packedPanels(integers, layer) }],
    [`${path}.weight_scale`, scales],
    [`${path}.weight_shape`, shape],
    ...(integers.range === 'Symmetric' ? [] : [[`${path}.weight_zero_point`, zeros] as const]),
  ];
}

function* packedPanels(integers: Integers, layer: LinearLayer): Generator<Tensor> {
  for (const rows of rowPanels([layer.out, layer.in])) {
    yield keep(
      scope(() => {
        const { codes } = integers.coded(layer, rows);
        return packRows(ops.addScalar(codes, offsetOf(integers)), integers.bits);
      }),
    );
  }
}

/** Of all rows. */
function ofGroups(integers: Integers, layer: LinearLayer, part: 'scales' | 'zeros'): Tensor {
  const parts = rowPanels([layer.out, layer.in]).map((rows) =>
    scope(() => integers.coded(layer, rows)[part] ?? withoutZeros()),
  );
  return ops.cat(parts);
}

function withoutZeros(): never {
  throw new Bug('a symmetric grid has no zero points');
}

/** What is added to codes so that none is below zero. */
function offsetOf({ range, bits }: Pick<Integers, 'range' | 'bits'>): number {
  return range === 'Symmetric' ? 2 ** (bits - 1) : 0;
}

/** The dense matrix that the integers of a layer stand for, some rows at a time. */
function decodedIn(
  stored: StoredFolder,
  { path, out, in: inputs }: LinearLayer,
  grid: Integers,
  dtype: DType,
): Tensor {
  return scope(() => {
    const [packed, scales] = ['weight_packed', 'weight_scale'].map((each) =>
      stored.load(`${path}.${each}`),
    ) as [Tensor, Tensor];
    const zeros = zerosIn(stored, path, out, grid);
    const all = ops.empty([out, inputs], { dtype });
    const groups = [-1, scales.shape[1] ?? 1, inputs / (scales.shape[1] ?? 1)];
    for (const [first, behind] of rowPanels(all.shape)) {
      scope(() => {
        const rows = (of: Tensor) => ops.narrow(of, 0, first, behind - first);
        const codes = ops.view(unpackRows(rows(packed), inputs, grid.bits), groups);
        const steps =
          zeros === null
            ? ops.subScalar(codes, offsetOf(grid))
            : ops.sub(codes, ops.unsqueeze(rows(zeros), 2));
        const values = ops.mul(ops.to(steps, dtype), ops.to(ops.unsqueeze(rows(scales), 2), dtype));
        ops.copy_(rows(all), ops.view(values, [behind - first, inputs]));
      });
    }
    for (const each of [packed, scales]) releasePages(each);
    return all;
  });
}

/** `[out, groups]`, int64. */
function zerosIn(stored: StoredFolder, path: string, out: number, grid: Integers): Tensor | null {
  if (grid.range === 'Symmetric') return null;
  const packed = ops.t(stored.load(`${path}.weight_zero_point`));
  return ops.contiguous(ops.t(unpackRows(packed, out, grid.bits)));
}
