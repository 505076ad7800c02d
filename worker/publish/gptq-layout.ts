// The layout of GPTQ that vLLM, GPTQModel and transformers read: packed along inputs, so transposed
// against the matrix.
//   <layer>.qweight  int32 [I bits / 32, O], code after code from the lowest bit
//   <layer>.qzeros   int32 [groups, O bits / 32], zero points less one, packed along outputs
//   <layer>.scales   float16 [groups, O]
//   <layer>.g_idx    int32 [I], the group of each input
// Symmetric grids have the middle of the range as zero point. The one that is subtracted is that of
// the first version of the format (`checkpoint_format: gptq`): readers add it again, some without
// wrapping, so no zero point is 0. Scales are values of bfloat16 that float16 has, too.
import { rowPanels } from '../files/row-panels.ts';
import type { PlannedTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { packRows, unpackRows, wordsOf } from '../methods/weights/packed-integers.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  codesFromZero,
  type IntegerLayout,
  type Integers,
  offsetOf,
  ofGroups,
} from './integer-layout.ts';

/** Below this float16 has fewer digits than bfloat16. */
export const leastHalfScale = 2 ** -17;

export const gptqLayout: IntegerLayout = {
  least: { scale: leastHalfScale, zero: 1 },
  planned(layer, integers) {
    const { bits } = integers;
    const { out, in: inputs } = layer;
    const groups = groupsOf(layer, integers);
    return {
      qweight: {
        ...{ shape: [wordsOf(inputs, bits), out], dtype: 'int32' },
        make: () => ops.contiguous(ops.t(packedWhole(integers, layer))),
      },
      qzeros: {
        ...{ shape: [groups, wordsOf(out, bits)], dtype: 'int32' },
        make: () => packRows(ops.subScalar(zeroPoints(integers, layer), 1), bits),
      },
      scales: halfScales(integers, layer),
      g_idx: {
        ...{ shape: [inputs], dtype: 'int32' },
        make: () => {
          const counted = ops.arange(0, inputs, 1, { dtype: 'int64' });
          const group = ops.divScalarMode(counted, inputs / groups, { roundingMode: 'floor' });
          return ops.to(group, 'int32');
        },
      },
    };
  },
  stored(folder, { path, out, in: inputs }, { bits }) {
    const [words, zeros, scales] = ['qweight', 'qzeros', 'scales'].map((each) =>
      folder.load(`${path}.${each}`),
    ) as [Tensor, Tensor, Tensor];
    const less = unpackRows(zeros, out, bits);
    return {
      codes: (first, count) => {
        return unpackRows(ops.contiguous(ops.t(ops.narrow(words, 1, first, count))), inputs, bits);
      },
      scales: ops.contiguous(ops.t(scales)),
      zeros: ops.contiguous(ops.t(ops.addScalar(less, 1))),
      mapped: [words, zeros, scales],
    };
  },
  config:
    ({ bits, range, groupSize }) =>
    () => ({
      ...{ quant_method: 'gptq', checkpoint_format: 'gptq', bits, group_size: groupSize ?? -1 },
      ...{ sym: range === 'Symmetric', desc_act: false, lm_head: false },
    }),
};

export function groupsOf({ in: inputs }: LinearLayer, { groupSize }: Integers): number {
  return inputs / (groupSize ?? inputs);
}

/** `[groups, out]`, float16. */
export function halfScales(integers: Integers, layer: LinearLayer): PlannedTensor {
  return {
    ...{ shape: [groupsOf(layer, integers), layer.out], dtype: 'float16' },
    make: () => ops.contiguous(ops.to(ops.t(ofGroups(integers, layer, 'scales')), 'float16')),
  };
}

/** `[groups, out]`, counted from the least code. */
export function zeroPoints(integers: Integers, layer: LinearLayer): Tensor {
  if (integers.range === 'Asymmetric') {
    return ops.contiguous(ops.t(ofGroups(integers, layer, 'zeros')));
  }
  return ops.full([groupsOf(layer, integers), layer.out], offsetOf(integers), { dtype: 'int64' });
}

/** `[out, words]` */
function packedWhole(integers: Integers, layer: LinearLayer): Tensor {
  const { bits } = integers;
  const panels = rowPanels([layer.out, layer.in]).map((rows) =>
    scope(() => packRows(codesFromZero(integers, layer, rows), bits)),
  );
  return ops.cat(panels);
}
