// Codes of 8 bits that stand in a file as they are, with a scale for each row, in the layouts
// `int-quantized` and `float-quantized` of compressed-tensors:
//   weight        int8 or float8_e4m3fn [O, I]
//   weight_scale  [O, 1], in the type of the model: values of bfloat16
import { type Rows, rowPanels } from '../files/row-panels.ts';
import type { PlannedTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import type { CodedRows } from '../methods/weights/weight-grid.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';
import { compressedConfig, type LinearLayout, type Planned, sharing } from './linear-layout.ts';
import type { StoredFolder } from './stored-folder.ts';

interface PlainRows {
  readonly type: 'int8' | 'float8_e4m3fn';
  coded(layer: LinearLayer, rows: Rows): CodedRows;
}

/** Scales are written in `dtype`. */
export function plainRows(own: PlainRows, dtype: DType): LinearLayout {
  const isInteger = own.type === 'int8';
  return {
    config: compressedConfig(isInteger ? 'int-quantized' : 'float-quantized', {
      ...{ num_bits: 8, type: isInteger ? 'int' : 'float', symmetric: true, dynamic: false },
      ...sharing(undefined),
    }),
    planned: (layer) => plannedTensors(layer, own, dtype),
    decoded: decodedIn,
  };
}

function plannedTensors(layer: LinearLayer, { type, coded }: PlainRows, dtype: DType): Planned {
  const { path, out, in: inputs } = layer;
  const scales: PlannedTensor = {
    ...{ shape: [out, 1], dtype },
    make: () =>
      scope(() =>
        ops.to(ops.cat(rowPanels([out, inputs]).map((rows) => coded(layer, rows).scales)), dtype),
      ),
  };
  function* panels(): Generator<Tensor> {
    for (const rows of rowPanels([out, inputs])) {
      yield keep(scope(() => ops.to(coded(layer, rows).codes, type)));
    }
  }
  return [
    [`${path}.weight`, { shape: [out, inputs], dtype: type, panels }],
    [`${path}.weight_scale`, scales],
  ];
}

function decodedIn(
  stored: StoredFolder,
  { path, out, in: inputs }: LinearLayer,
  dtype: DType,
): Tensor {
  return scope(() => {
    const [codes, scales] = ['weight', 'weight_scale'].map((each) =>
      stored.load(`${path}.${each}`),
    ) as [Tensor, Tensor];
    const all = ops.empty([out, inputs], { dtype });
    for (const [first, behind] of rowPanels(all.shape)) {
      scope(() => {
        const rows = (of: Tensor) => ops.narrow(of, 0, first, behind - first);
        ops.copy_(rows(all), ops.mul(ops.to(rows(codes), dtype), ops.to(rows(scales), dtype)));
      });
    }
    for (const each of [codes, scales]) releasePages(each);
    return all;
  });
}
