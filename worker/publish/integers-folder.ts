// Beside the weights of a pipeline that was trained in few bits, which are dequantized for
// diffusers: the integers themselves, and tables of the grids of inputs, in a folder of their own.
//   P.weight_packed, P.weight_scale, P.weight_zero_point, P.weight_shape: as compressed-tensors has
//     them (packed-integers-layout.ts), for each linear layer of the blocks
//   P.input_log_scale   float32 [steps], P.input_zero_point   int32 [steps]
// An input of the layer is (clamp(round(x / exp(log_scale)) + zero_point, 0, 2^bits - 1) -
// zero_point) exp(log_scale), with the row of the denoising step.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bug, TerminalError } from '../../crds/failures/errors.ts';
import type { InputRows } from '../engine/input-parameters.ts';
import { codedRows } from '../engine/on-grid.ts';
import { openSafetensors, type WritableTensor, writeSafetensors } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { type InputGrid, inputLogScale, inputZero } from '../nn/rounded-input.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor, toArray } from '../tensor/tensor.ts';
import type { ArtifactFacts } from './artifact.ts';
import { integersIn } from './integer-layout.ts';
import type { LinearLayout } from './linear-layout.ts';
import { packQuantized } from './packed-integers-layout.ts';

export const integersFolder = 'integers';
export const integersFile = 'model.safetensors';
const zeroInFile = 'input_zero_point';

type Facts = Pick<ArtifactFacts, 'model'>;

/** Returns the bytes of the tensors. */
export async function writeIntegers(folder: string, facts: Facts): Promise<number> {
  const { model } = facts;
  const { layers, layout } = integersOf(facts);
  const { inputGrid } = model;
  const planned: (readonly [string, WritableTensor])[] = [];
  for (const layer of layers.values()) {
    planned.push(...layout.planned(layer));
    if (inputGrid) planned.push(...tablesOf(facts, layer, inputGrid));
  }
  const own = join(folder, integersFolder);
  await mkdir(own);
  const { bytes } = await writeSafetensors(join(own, integersFile), new Map(planned), {
    format: 'pt',
  });
  const config = {
    ...{ weights: layout.config(null), inputs: inputGrid },
    note: 'row i of the tables of inputs is for the same share of the denoising steps, first to last',
  };
  await writeFile(join(own, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  return bytes;
}

/** Grids of the inputs as the folder has them; null where inputs are not rounded. */
export function readInputTables(folder: string, { model }: Facts) {
  const grid = model.inputGrid ?? null;
  if (grid === null) return null;
  return {
    ...{ grid, learningRateFactor: 1 },
    initial(path: string): InputRows {
      using file = openSafetensors(join(folder, integersFolder, integersFile));
      const values = (name: string) => scope(() => toArray(file.load(`${path}.${name}`)));
      return { logScales: values(inputLogScale), zeros: values(zeroInFile) };
    },
  };
}

/** Refuses integers that do not stand for the weights which `dense` loads from the pipeline. */
export function requireIntegers(
  folder: string,
  facts: Facts,
  dense: (name: string, dtype: DType) => Tensor,
): void {
  const { layers, layout } = integersOf(facts);
  const { dtype } = facts.model;
  using file = openSafetensors(join(folder, integersFolder, integersFile));
  const stored = {
    config: facts.model.config,
    find: (name: string) => (file.header.tensors.has(name) ? file.load(name) : null),
    load: (name: string) => file.load(name),
    [Symbol.dispose]() {},
  };
  for (const layer of layers.values()) {
    const name = `${layer.path}.weight`;
    const isSame = scope(
      () => item(ops.all(ops.eq(layout.decoded(stored, layer, dtype), dense(name, dtype)))) === 1,
    );
    if (isSame) continue;
    throw new TerminalError({
      code: 'E_PUBLISH_FAILED',
      message: `the integers of ${name}, read back, do not stand for the weights beside them`,
      hint: 'nothing was published; the same command writes it again, and if it fails again, report it',
    });
  }
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
