// Values of e2m1 in the layouts `nvfp4-pack-quantized` and `mxfp4-pack-quantized` of
// compressed-tensors:
//   weight_packed        uint8 [O, I / 2], the first of two values in the low bits: its sign, and its
//                        place among 0, 0.5, 1, 1.5, 2, 3, 4, 6
//   weight_scale         NVFP4: float8_e4m3fn [O, I / 16]   MXFP4: uint8 [O, I / 32], 127 + log2
//   weight_global_scale  NVFP4: float32 [1], what scales are divided by
import { type Rows, rowPanels } from '../files/row-panels.ts';
import type { PlannedTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { CodedRows } from '../methods/weights/weight-grid.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor, tensor } from '../tensor/tensor.ts';
import { compressedConfig, type LinearLayout, type Planned } from './linear-layout.ts';
import type { StoredFolder } from './stored-folder.ts';

interface Float4 {
  readonly form: 'NVFP4' | 'MXFP4';
  coded(layer: LinearLayer, rows: Rows): CodedRows;
  /** Of NVFP4. */
  global(layer: LinearLayer): number;
}

const common = { num_bits: 4, type: 'float', symmetric: true, dynamic: false } as const;

const float4Groups = { NVFP4: 16, MXFP4: 32 } as const;

export function float4(own: Float4): LinearLayout {
  const { form } = own;
  const group_size = float4Groups[form];
  return {
    config: compressedConfig(
      form === 'NVFP4' ? 'nvfp4-pack-quantized' : 'mxfp4-pack-quantized',
      form === 'NVFP4'
        ? { ...common, strategy: 'tensor_group', group_size, scale_dtype: 'torch.float8_e4m3fn' }
        : { ...common, strategy: 'group', group_size, scale_dtype: 'torch.uint8' },
    ),
    planned: (layer) => plannedTensors(layer, own),
    decoded: (stored, layer, dtype) => decodedIn(stored, layer, form, dtype),
  };
}

function plannedTensors(layer: LinearLayer, { form, coded, global }: Float4): Planned {
  const { path, out, in: inputs } = layer;
  const all = rowPanels([out, inputs]);
  const scales: PlannedTensor = {
    shape: [out, inputs / float4Groups[form]],
    dtype: form === 'NVFP4' ? 'float8_e4m3fn' : 'uint8',
    make: () =>
      scope(() => {
        const whole = ops.cat(all.map((rows) => coded(layer, rows).scales));
        return form === 'NVFP4'
          ? ops.to(ops.mulScalar(whole, global(layer)), 'float8_e4m3fn')
          : ops.to(ops.bitwiseRightShiftScalar(ops.viewDtype(whole, 'int32'), 23), 'uint8');
      }),
  };
  function* panels(): Generator<Tensor> {
    for (const rows of all) yield keep(packed(coded(layer, rows).codes));
  }
  const one: PlannedTensor = {
    ...{ shape: [1], dtype: 'float32' },
    make: () => tensor([global(layer)], [1], 'float32'),
  };
  return [
    [`${path}.weight_packed`, { shape: [out, inputs / 2], dtype: 'uint8', panels }],
    [`${path}.weight_scale`, scales],
    ...(form === 'NVFP4' ? [[`${path}.weight_global_scale`, one] as const] : []),
  ];
}

/** Values of e2m1 `[rows, I]`, two in a byte. */
function packed(values: Tensor): Tensor {
  return scope(() => {
    const [rows = 0, columns = 0] = values.shape;
    const size = ops.abs(values);
    const place = ops.mulScalar(ops.clamp(size, 0, 2), 2);
    ops.add_(place, ops.clamp_(ops.subScalar(size, 2), 0, 2));
    ops.add_(place, ops.mulScalar_(ops.clamp_(ops.subScalar(size, 4), 0, 2), 0.5));
    ops.add_(place, ops.to(ops.ltScalar(values, 0), place.dtype), { alpha: 8 });
    const pairs = ops.view(place, [rows, columns / 2, 2]);
    const both = ops.add(ops.select(pairs, 2, 0), ops.select(pairs, 2, 1), { alpha: 16 });
    return ops.to(both, 'uint8');
  });
}

/** float32 `[rows, I]` */
function unpacked(bytes: Tensor): Tensor {
  return scope(() => {
    const [rows = 0, half = 0] = bytes.shape;
    const low = ops.bitwiseAndScalar(bytes, 15);
    const nibbles = ops.stack([low, ops.bitwiseRightShiftScalar(bytes, 4)], 2);
    const place = ops.to(ops.bitwiseAndScalar(nibbles, 7), 'float32');
    const size = ops.mulScalar(ops.clamp(place, 0, 4), 0.5);
    ops.add_(size, ops.clamp(ops.subScalar(place, 4), 0, 2));
    ops.add_(size, ops.clamp(ops.subScalar(place, 6), 0, 1), { alpha: 2 });
    const sign = ops.to(ops.bitwiseRightShiftScalar(nibbles, 3), 'float32');
    ops.mul_(size, ops.rsubScalar(ops.mulScalar_(sign, 2), 1));
    return ops.view(size, [rows, 2 * half]);
  });
}

function decodedIn(
  stored: StoredFolder,
  { path, out, in: inputs }: LinearLayer,
  form: Float4['form'],
  dtype: DType,
): Tensor {
  return scope(() => {
    const [bytes, scales] = ['weight_packed', 'weight_scale'].map((each) =>
      stored.load(`${path}.${each}`),
    ) as [Tensor, Tensor];
    const steps =
      form === 'NVFP4'
        ? ops.div(ops.to(scales, 'float32'), stored.load(`${path}.weight_global_scale`))
        : ops.viewDtype(ops.bitwiseLeftShiftScalar(ops.to(scales, 'int32'), 23), 'float32');
    const all = ops.empty([out, inputs], { dtype });
    for (const [first, behind] of rowPanels(all.shape)) {
      scope(() => {
        const rows = (of: Tensor) => ops.narrow(of, 0, first, behind - first);
        const grouped = [behind - first, -1, float4Groups[form]];
        const values = ops.view(unpacked(rows(bytes)), grouped);
        ops.mul_(values, ops.unsqueeze(rows(steps), 2));
        ops.copy_(rows(all), ops.view(values, [behind - first, inputs]));
      });
    }
    for (const each of [bytes, scales]) releasePages(each);
    return all;
  });
}
