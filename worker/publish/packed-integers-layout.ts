// Integers of some bits in the layout `pack-quantized` of compressed-tensors, by layer:
//   weight_packed      int32 [O, ceil(I bits / 32)], code after code
//   weight_scale       [O, groups], in the type of the model: values of bfloat16
//   weight_zero_point  int32 [ceil(O bits / 32), groups], packed by columns; asymmetric
//   weight_shape       int64 [2]
// Symmetric codes are written with 2^(bits - 1) added.
import { rowPanels } from '../files/row-panels.ts';
import type { PlannedTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { packRows, unpackRows, wordsOf } from '../methods/weights/packed-integers.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { codesFromZero, type IntegerLayout, type Integers, ofGroups } from './integer-layout.ts';
import { compressedConfig, integerWeights } from './linear-layout.ts';
import type { StoredFolder } from './stored-folder.ts';

export const packQuantized: IntegerLayout = {
  planned(layer, integers, dtype) {
    const { bits } = integers;
    const { out, in: inputs } = layer;
    const groups = inputs / (integers.groupSize ?? inputs);
    const packed = { shape: [out, wordsOf(inputs, bits)], dtype: 'int32' } as const;
    const zeros: PlannedTensor = {
      ...{ shape: [wordsOf(out, bits), groups], dtype: 'int32' },
      make: () => ops.contiguous(ops.t(packRows(ops.t(ofGroups(integers, layer, 'zeros')), bits))),
    };
    return {
      weight_packed: { ...packed, panels: () => packedPanels(integers, layer) },
      weight_scale: {
        ...{ shape: [out, groups], dtype },
        make: () => ops.to(ofGroups(integers, layer, 'scales'), dtype),
      },
      weight_shape: {
        ...{ shape: [2], dtype: 'int64' },
        make: () => tensor([out, inputs], [2], 'int64'),
      },
      ...(integers.range === 'Symmetric' ? {} : { weight_zero_point: zeros }),
    };
  },
  stored(folder, { path, out, in: inputs }, grid) {
    const [packed, scales] = ['weight_packed', 'weight_scale'].map((each) =>
      folder.load(`${path}.${each}`),
    ) as [Tensor, Tensor];
    return {
      codes: (first, count) => unpackRows(ops.narrow(packed, 0, first, count), inputs, grid.bits),
      scales,
      zeros: zerosIn(folder, path, out, grid),
      mapped: [packed, scales],
    };
  },
  config: (integers) => {
    const { widths } = integers;
    if (widths === undefined) return compressedConfig('pack-quantized', integerWeights(integers));
    const byWidth = Map.groupBy(widths(), ([, bits]) => bits);
    const groups = [...byWidth].sort(([a], [b]) => a - b);
    return compressedConfig(
      'pack-quantized',
      ...groups.map(([bits, layers]) => ({
        ...integerWeights({ ...integers, bits }),
        targets: layers.map(([path]) => path),
      })),
    );
  },
};

function* packedPanels(integers: Integers, layer: LinearLayer): Generator<Tensor> {
  for (const rows of rowPanels([layer.out, layer.in])) {
    yield keep(scope(() => packRows(codesFromZero(integers, layer, rows), integers.bits)));
  }
}

/** `[out, groups]`, int64. */
function zerosIn(stored: StoredFolder, path: string, out: number, grid: Integers): Tensor | null {
  if (grid.range === 'Symmetric') return null;
  const packed = ops.t(stored.load(`${path}.weight_zero_point`));
  return ops.contiguous(ops.t(unpackRows(packed, out, grid.bits)));
}
