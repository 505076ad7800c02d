// The model in layouts that vLLM and transformers read: the linear layers of the blocks in codes,
// which products read while training or which were made after it, all else dense. A decoded weight
// is (code - zero) scale in the type of the model; where it was trained as integers, to the last
// bit that of training.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { printConfig } from '../decoder/print-config.ts';
import { buildModel } from '../engine/build-model.ts';
import { codedRows } from '../engine/on-grid.ts';
import type { Rows } from '../files/row-panels.ts';
import type { WritableTensor } from '../files/safetensors.ts';
import { writeSafetensorsModel } from '../files/safetensors-model.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import { type InputGrid, withRoundedInputs } from '../quantize/rounded-inputs.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { integersIn } from './integer-layout.ts';
import type { LinearLayout } from './linear-layout.ts';
import { type Branches, readBranches, writeBranches } from './low-rank-folder.ts';
import { mergedPanels } from './merge.ts';
import { writeModelFiles } from './model-folder.ts';
import { packQuantized } from './packed-integers-layout.ts';
import { openFolder } from './stored-folder.ts';

/** Linear layers in codes. */
export interface Coded {
  /** By module path. */
  readonly layers: ReadonlyMap<string, LinearLayer>;
  readonly layout: LinearLayout;
  /** What their inputs are rounded to while the model runs. */
  readonly inputs: InputGrid | null;
  /** A norm or bias that is another than the trained one; null where it is the same. */
  vector?(name: string): Tensor | null;
  /** What is added to codes, from inputs that are not rounded; null where nothing is. */
  readonly branches?: Branches | null;
}

/** Of a model that was trained as integers: the file has its bits. */
export function compressedTensorsArtifact(facts: ArtifactFacts): ArtifactWriter {
  return {
    format: 'CompressedTensors',
    folder: resultFolder.CompressedTensors,
    rounding: null,
    made: { weightBits: 16, made: 'Same' },
    ...codedFile(facts, integersOnGrid(facts)),
  };
}

function integersOnGrid({ model }: ArtifactFacts): Coded {
  const { onGrid } = model;
  const integers = onGrid?.grid.integers;
  if (onGrid === null || integers === undefined) {
    throw new Bug('CompressedTensors is a form of integers');
  }
  const { layers } = onGrid;
  const coded = (layer: LinearLayer, rows: Rows) => codedRows(model, layer, rows);
  const layout = integersIn(packQuantized, { ...integers, coded }, model.dtype);
  return { layers, layout, inputs: null };
}

/** How the folder is written, and read back. */
export function codedFile(
  facts: ArtifactFacts,
  coded: Coded,
): Pick<ArtifactWriter, 'write' | 'reload'> {
  const { files, model, run } = facts;
  const { layers, layout, inputs, branches = null } = coded;
  return {
    async write(folder) {
      const planned = new Map(
        files.tensorNames.flatMap((name) => plannedTensors(name, facts, coded)),
      );
      const written = await writeSafetensorsModel(folder, planned);
      await writeModelFiles(folder, files, model.dtype);
      await writeFile(join(folder, 'config.json'), printConfig(configOf(facts, coded)));
      const beside = branches === null ? 0 : await writeBranches(folder, facts, branches);
      return written.reduce((sum, { bytes }) => sum + bytes, beside);
    },
    async reload(folder, dtype) {
      using stored = await openFolder(folder);
      const source = {
        ...{ config: stored.config, tensorNames: files.tensorNames },
        isBfloat16: () => dtype === 'bfloat16',
        load: (name: string, type: DType) => {
          const layer = layers.get(pathOf(name));
          return layer !== undefined && name.endsWith('.weight')
            ? layout.decoded(stored, layer, type)
            : scope(() => ops.to(stored.load(name), type));
        },
      };
      const { sequenceLength } = run.spec.dataset;
      const precision = inputs && withRoundedInputs({ grid: inputs });
      using beside = branches && readBranches(folder);
      const own = { adapter: beside?.adapter ?? null, trains: () => false };
      return buildModel(source, { dtype, ...own, precision, sequenceLength });
    },
  };
}

function plannedTensors(
  name: string,
  facts: ArtifactFacts,
  { layers, layout, vector }: Coded,
): readonly (readonly [string, WritableTensor])[] {
  const { model } = facts;
  const layer = layers.get(pathOf(name));
  if (layer !== undefined && name.endsWith('.weight')) return layout.planned(layer);
  const { shape } = model.parameters.get(name);
  const { dtype } = model;
  const other = vector?.(name) ?? null;
  return other === null
    ? [[name, { shape, dtype, panels: () => mergedPanels(facts, name, dtype) }]]
    : [[name, { shape, dtype, make: () => ops.to(other, dtype) }]];
}

function configOf(
  { files, model: { dtype } }: ArtifactFacts,
  { layout, inputs }: Coded,
): Readonly<Record<string, unknown>> {
  return {
    ...(files.headers.configJson as Record<string, unknown>),
    ...{ torch_dtype: dtype, dtype },
    quantization_config: layout.config(inputs),
  };
}

function pathOf(name: string): string {
  return name.replace(/\.weight$/, '');
}
