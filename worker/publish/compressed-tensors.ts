// The model in the format `pack-quantized` of compressed-tensors, which vLLM and transformers read:
// the linear layers of the blocks as integers, which products read while training or which were
// made after it, all else dense.
//   <layer>.weight_packed      int32 [O, ceil(I bits / 32)], code after code
//   <layer>.weight_scale       [O, groups], in the type of the model: values of bfloat16
//   <layer>.weight_zero_point  int32 [ceil(O bits / 32), groups], packed by columns; asymmetric
//   <layer>.weight_shape       int64 [2]
// A decoded weight is (code - zero) scale in the type of the model; where it was trained as
// integers, to the last bit that of training. Symmetric codes are written with 2^(bits - 1) added.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { printConfig } from '../decoder/print-config.ts';
import { buildModel } from '../engine/build-model.ts';
import { codedRows } from '../engine/on-grid.ts';
import { type Rows, rowPanels } from '../files/row-panels.ts';
import type { PlannedTensor, WritableTensor } from '../files/safetensors.ts';
import { writeSafetensorsModel } from '../files/safetensors-model.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { packRows, unpackRows, wordsOf } from '../methods/weights/packed-integers.ts';
import type { CodedRows, GridOfIntegers } from '../methods/weights/weight-grid.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { releasePages, type Tensor, tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { mergedPanels } from './merge.ts';
import { writeModelFiles } from './model-folder.ts';
import { openFolder, type StoredFolder } from './stored-folder.ts';

/** Linear layers as integers. */
interface Integers extends Pick<GridOfIntegers, 'bits' | 'range' | 'groupSize'> {
  /** By module path. */
  readonly layers: ReadonlyMap<string, LinearLayer>;
  coded(layer: LinearLayer, rows: Rows): CodedRows;
}

/** Of a model that was trained as integers: the file has its bits. */
export function compressedTensorsArtifact(facts: ArtifactFacts): ArtifactWriter {
  return {
    format: 'CompressedTensors',
    folder: resultFolder.CompressedTensors,
    rounding: null,
    made: { weightBits: 16, made: 'Same' },
    ...integersFile(facts, integersOnGrid(facts)),
  };
}

function integersOnGrid({ model }: ArtifactFacts): Integers {
  const { onGrid } = model;
  const integers = onGrid?.grid.integers;
  if (onGrid === null || integers === undefined) {
    throw new Bug('CompressedTensors is a form of integers');
  }
  const { layers } = onGrid;
  return { ...integers, layers, coded: (layer, rows) => codedRows(model, layer, rows) };
}

/** How the folder is written, and read back. */
export function integersFile(
  facts: ArtifactFacts,
  integers: Integers,
): Pick<ArtifactWriter, 'write' | 'reload'> {
  const { files, model, run } = facts;
  const { layers } = integers;
  return {
    async write(folder) {
      const planned = new Map(
        files.tensorNames.flatMap((name) => plannedTensors(name, facts, integers)),
      );
      const written = await writeSafetensorsModel(folder, planned);
      await writeModelFiles(folder, files, model.dtype);
      await writeFile(join(folder, 'config.json'), printConfig(configOf(facts, integers)));
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
            ? decodedIn(stored, layer, integers, type)
            : scope(() => ops.to(stored.load(name), type));
        },
      };
      const { sequenceLength } = run.spec.dataset;
      return buildModel(source, { dtype, adapter: null, trains: () => false, sequenceLength });
    },
  };
}

type Planned = readonly (readonly [string, WritableTensor])[];

function plannedTensors(name: string, facts: ArtifactFacts, integers: Integers): Planned {
  const { model } = facts;
  const { bits, layers } = integers;
  const path = pathOf(name);
  const layer = layers.get(path);
  if (layer === undefined || !name.endsWith('.weight')) {
    const { shape } = model.parameters.get(name);
    const { dtype } = model;
    return [[name, { shape, dtype, panels: () => mergedPanels(facts, name, dtype) }]];
  }
  const { out, in: inputs } = layer;
  const groups = inputs / (integers.groupSize ?? inputs);
  const packed = { shape: [out, wordsOf(inputs, bits)], dtype: 'int32' } as const;
  const zeros: PlannedTensor = {
    ...{ shape: [wordsOf(out, bits), groups], dtype: 'int32' },
    make: () => ops.contiguous(ops.t(packRows(ops.t(ofGroups(integers, layer, 'zeros')), bits))),
  };
  const scales: PlannedTensor = {
    ...{ shape: [out, groups], dtype: model.dtype },
    make: () => ops.to(ofGroups(integers, layer, 'scales'), model.dtype),
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

/** Uses the names of compressed-tensors. */
function configOf(
  { files, model }: ArtifactFacts,
  { bits, range, groupSize }: Integers,
): Readonly<Record<string, unknown>> {
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

function pathOf(name: string): string {
  return name.replace(/\.weight$/, '');
}
