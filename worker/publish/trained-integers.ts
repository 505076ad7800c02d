// Beside the weights of a pipeline that was trained in few bits, which are dequantized for
// diffusers: the integers themselves, and tables of the grids of inputs, in a folder of their own.
//   P.weight_packed, P.weight_scale, P.weight_zero_point, P.weight_shape: as compressed-tensors has
//     them (packed-integers-layout.ts), for each linear layer of the blocks
//   P.input_log_scale   float32 [steps], P.input_zero_point   int32 [steps]
// An input of the layer is (clamp(round(x / exp(log_scale)) + zero_point, 0, 2^bits - 1) -
// zero_point) exp(log_scale), with the row of the denoising step.
import { Bug } from '../../crds/failures/errors.ts';
import type { InputRows } from '../engine/input-parameters.ts';
import { codedRows } from '../engine/on-grid.ts';
import type { WritableTensor } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { type InputGrid, inputLogScale, inputZero } from '../nn/rounded-input.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { type Tensor, toArray } from '../tensor/tensor.ts';
import type { ArtifactFacts } from './artifact.ts';
import { integersIn } from './integer-layout.ts';
import { openIntegersFolder, requireIntegers, writeIntegersFolder } from './integers-folder.ts';
import type { LinearLayout } from './linear-layout.ts';
import { packQuantized } from './packed-integers-layout.ts';

const zeroInFile = 'input_zero_point';

type Facts = Pick<ArtifactFacts, 'model'>;

/** Returns the bytes of the tensors. */
export async function writeTrainedIntegers(folder: string, facts: Facts): Promise<number> {
  const { model } = facts;
  const { layers, layout } = integersOf(facts);
  const { inputGrid } = model;
  const planned: (readonly [string, WritableTensor])[] = [];
  for (const layer of layers.values()) {
    planned.push(...layout.planned(layer));
    if (inputGrid) planned.push(...tablesOf(facts, layer, inputGrid));
  }
  return await writeIntegersFolder(folder, planned, {
    ...{ weights: layout.config(null), inputs: inputGrid },
    note: 'row i of the tables of inputs is for the same share of the denoising steps, first to last',
  });
}

/** Grids of the inputs as the folder has them; null where inputs are not rounded. */
export function readInputTables(folder: string, { model }: Facts) {
  const grid = model.inputGrid ?? null;
  if (grid === null) return null;
  return {
    ...{ grid, learningRateFactor: 1 },
    initial(path: string): InputRows {
      using stored = openIntegersFolder(folder, model.config);
      const values = (name: string) => scope(() => toArray(stored.load(`${path}.${name}`)));
      return { logScales: values(inputLogScale), zeros: values(zeroInFile) };
    },
  };
}

/** Refuses integers that do not stand for the weights which `dense` loads from the pipeline. */
export function requireTrainedIntegers(
  folder: string,
  facts: Facts,
  dense: (name: string, dtype: DType) => Tensor,
): void {
  const { layers, layout } = integersOf(facts);
  const { config, dtype } = facts.model;
  requireIntegers(folder, { config, layers: layers.values(), layout, dtype }, dense);
}

function integersOf({ model }: Facts): {
  readonly layers: ReadonlyMap<string, LinearLayer>;
  readonly layout: LinearLayout;
} {
  const { onGrid } = model;
  const integers = onGrid?.grid.integers;
  if (onGrid === null || integers === undefined) throw new Bug('the model has no integers');
  const coded: Parameters<typeof integersIn>[1]['coded'] = (layer, rows) =>
    codedRows(model, layer, rows);
  const layout = integersIn(packQuantized, { ...integers, coded }, model.dtype);
  return { layers: onGrid.layers, layout };
}

function tablesOf(
  { model: { parameters } }: Facts,
  { path }: LinearLayer,
  { rows, bits }: InputGrid,
): readonly (readonly [string, WritableTensor])[] {
  const largest = 2 ** bits - 1;
  const scales = () => ops.to(parameters.value(`${path}.${inputLogScale}`), 'float32');
  const zeros = () =>
    ops.to(ops.clamp(ops.round(parameters.value(`${path}.${inputZero}`)), 0, largest), 'int32');
  return [
    [`${path}.${inputLogScale}`, { shape: [rows], dtype: 'float32', make: scales }],
    [`${path}.${zeroInFile}`, { shape: [rows], dtype: 'int32', make: zeros }],
  ];
}
