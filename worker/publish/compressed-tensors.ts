// The model in the format `pack-quantized` of compressed-tensors, which vLLM and transformers read:
// the linear layers of the blocks as the integers that products read while training, all else
// dense.
//   <layer>.weight_packed      int32 [O, ceil(I bits / 32)], code after code
//   <layer>.weight_scale       [O, groups], in the type of the model: values of bfloat16
//   <layer>.weight_zero_point  int32 [ceil(O bits / 32), groups], packed by columns; asymmetric
//   <layer>.weight_shape       int64 [2]
// A decoded weight is (code - zero) scale in the type of the model, to the last bit that of
// training. Symmetric codes are written with 2^(bits - 1) added.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { printConfig } from '../decoder/print-config.ts';
import { buildModel } from '../engine/build-model.ts';
import { codedRows } from '../engine/on-grid.ts';
import { rowPanels } from '../files/row-panels.ts';
import type { PlannedTensor, WritableTensor } from '../files/safetensors.ts';
import { writeSafetensorsModel } from '../files/safetensors-model.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { packRows, unpackRows, wordsOf } from '../methods/weights/packed-integers.ts';
import type { GridOfIntegers } from '../methods/weights/weight-grid.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor, tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { mergedPanels } from './merge.ts';
import { writeModelFiles } from './model-folder.ts';
import { openFolder, type StoredFolder } from './stored-folder.ts';

export function compressedTensorsArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { files, model, run } = facts;
  const { grid, layers } = gridOf(facts);
  return {
    format: 'CompressedTensors',
    folder: resultFolder.CompressedTensors,
    rounding: null,
    made: { weightBits: 16, made: 'Same' },
    async write(folder) {
      const planned = new Map(files.tensorNames.flatMap((name) => plannedTensors(name, facts)));
      const written = await writeSafetensorsModel(folder, planned);
      await writeModelFiles(folder, files, model.dtype);
      await writeFile(join(folder, 'config.json'), printConfig(configOf(facts)));
      return written.reduce((sum, { bytes }) => sum + bytes, 0);
    },
    async reload(folder, dtype) {
      using stored = await openFolder(folder);
      const source = {
        ...{ config: stored.config, tensorNames: files.tensorNames },
        isBfloat16: () => dtype === 'bfloat16',
        load: (name: string, type: DType) => {
          const layer = layers.get(pathOf(name));
          return layer !== undefined && name.endsWith('.weight')
            ? decodedIn(stored, layer, grid, type)
            : scope(() => ops.to(stored.load(name), type));
        },
      };
      const { sequenceLength } = run.spec.dataset;
      return buildModel(source, { dtype, adapter: null, trains: () => false, sequenceLength });
    },
  };
}

function gridOf({ model: { onGrid } }: ArtifactFacts) {
  if (onGrid?.grid.integers === undefined) throw new Bug('CompressedTensors is a form of integers');
  return { grid: onGrid.grid.integers, layers: onGrid.layers };
}

type Planned = readonly (readonly [string, WritableTensor])[];

function plannedTensors(name: string, facts: ArtifactFacts): Planned {
  const { model } = facts;
  const { grid, layers } = gridOf(facts);
  const path = pathOf(name);
  const layer = layers.get(path);
  if (layer === undefined || !name.endsWith('.weight')) {
    const { shape } = model.parameters.get(name);
    const { dtype } = model;
    return [[name, { shape, dtype, panels: () => mergedPanels(facts, name, dtype) }]];
  }
  const { out, in: inputs } = layer;
  const { bits } = grid;
  const groups = inputs / (grid.groupSize ?? inputs);
  const packed = { shape: [out, wordsOf(inputs, bits)], dtype: 'int32' } as const;
  const zeros: PlannedTensor = {
    ...{ shape: [wordsOf(out, bits), groups], dtype: 'int32' },
    make: () => ops.contiguous(ops.t(packRows(ops.t(ofGroups(facts, layer, 'zeros')), bits))),
  };
  const scales: PlannedTensor = {
    ...{ shape: [out, groups], dtype: model.dtype },
    make: () => ops.to(ofGroups(facts, layer, 'scales'), model.dtype),
  };
  const shape: PlannedTensor = {
    ...{ shape: [2], dtype: 'int64' },
    make: () => tensor([out, inputs], [2], 'int64'),
  };
  return [
    [`${path}.weight_packed`, { ...packed, panels: () => packedPanels(facts, layer) }],
    [`${path}.weight_scale`, scales],
    [`${path}.weight_shape`, shape],
    ...(grid.range === 'Symmetric' ? [] : [[`${path}.weight_zero_point`, zeros] as const]),
  ];
}

function* packedPanels(facts: ArtifactFacts, layer: LinearLayer): Generator<Tensor> {
  const { grid } = gridOf(facts);
  for (const rows of rowPanels([layer.out, layer.in])) {
    yield keep(
      scope(() => {
        const { codes } = codedRows(facts.model, layer, rows);
        return packRows(ops.addScalar(codes, offsetOf(grid)), grid.bits);
      }),
    );
  }
}

/** Of all rows. */
function ofGroups(facts: ArtifactFacts, layer: LinearLayer, part: 'scales' | 'zeros'): Tensor {
  const parts = rowPanels([layer.out, layer.in]).map((rows) =>
    scope(() => codedRows(facts.model, layer, rows)[part] ?? withoutZeros()),
  );
  return ops.cat(parts);
}

function withoutZeros(): never {
  throw new Bug('a symmetric grid has no zero points');
}

/** What is added to codes so that none is below zero. */
function offsetOf({ range, bits }: GridOfIntegers): number {
  return range === 'Symmetric' ? 2 ** (bits - 1) : 0;
}

/** Uses the names of compressed-tensors. */
function configOf(facts: ArtifactFacts): Readonly<Record<string, unknown>> {
  const { files, model } = facts;
  const { bits, range, groupSize } = gridOf(facts).grid;
  const weights = {
    ...{ num_bits: bits, type: 'int', symmetric: range === 'Symmetric', dynamic: false },
    ...(groupSize === undefined
      ? { strategy: 'channel', group_size: null }
      : { strategy: 'group', group_size: groupSize }),
  };
  const { dtype } = model;
  return {
    ...(files.headers.configJson as Record<string, unknown>),
    ...{ torch_dtype: dtype, dtype },
    quantization_config: {
      ...{ quant_method: 'compressed-tensors', format: 'pack-quantized' },
      quantization_status: 'compressed',
      config_groups: {
        group_0: {
          ...{ targets: ['Linear'], weights, input_activations: null, output_activations: null },
        },
      },
      ignore: ['lm_head'],
    },
  };
}

/** The dense matrix that the integers of a layer stand for, some rows at a time. */
function decodedIn(
  stored: StoredFolder,
  { path, out, in: inputs }: LinearLayer,
  grid: GridOfIntegers,
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
function zerosIn(
  stored: StoredFolder,
  path: string,
  out: number,
  grid: GridOfIntegers,
): Tensor | null {
  if (grid.range === 'Symmetric') return null;
  const packed = ops.t(stored.load(`${path}.weight_zero_point`));
  return ops.contiguous(ops.t(unpackRows(packed, out, grid.bits)));
}

function pathOf(name: string): string {
  return name.replace(/\.weight$/, '');
}
