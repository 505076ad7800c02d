// A smaller model of the same family, cut out of the base: rows and columns of its matrices, as
// many in each block, beside `pruning.json` that says which. It is checked against the base with
// the columns of `down` and `o` zero that read what was left out: that is the same function.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pruning } from '../../crds/api/pruning.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { prunedSizes } from '../../crds/plan/pruned-sizes.ts';
import { type KeptPlaces, type PrunedModel, pruningFile } from '../../crds/wire/pruned-model.ts';
import { decoderConfig, readConfig } from '../decoder/config.ts';
import { openModel } from '../decoder/model-files.ts';
import { type DecoderTensor, tensorName, tensorSpecs } from '../decoder/names.ts';
import { keptColumns, keptRows } from '../decoder/pruned-base.ts';
import { frozenModel, modelSource } from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import type { WritableTensor } from '../files/safetensors.ts';
import { writeSafetensorsModel } from '../files/safetensors-model.ts';
import { dtypeBytes } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { indices, type Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { choosePlaces } from './kept-places.ts';
import { mergedPanels } from './merge.ts';
import { writeModelFiles } from './model-folder.ts';
import { checkLogits } from './reload-check.ts';
import { safetensorsSize } from './result-size.ts';

export function prunedArtifact(
  facts: ArtifactFacts,
  pruning: Pruning,
  context: Parameters<typeof choosePlaces>[3],
): ArtifactWriter {
  const { files, model, run } = facts;
  const { dtype } = model;
  const config = decoderConfig(model.config);
  const sizes = prunedSizes(config, pruning);
  const fields = {
    intermediate_size: sizes.I,
    ...(sizes.NK === config.NK
      ? {}
      : {
          num_attention_heads: sizes.NH,
          num_key_value_heads: sizes.NK,
          head_dim: config.D,
        }),
  };
  const small = readConfig({ ...files.headers.configJson, ...fields });
  let layers: readonly KeptPlaces[] = [];
  return {
    format: 'MergedSafetensors',
    folder: resultFolder.MergedSafetensors,
    // Other sizes of matrices, other orders of their sums.
    rounding: dtype === 'bfloat16' ? 'bfloat16' : 'float32',
    made: { weightBits: 8 * dtypeBytes(dtype), made: 'Pruning' },
    size: async (folder) => safetensorsSize(folder, small, dtype),
    expected: () => maskedLogits(model, layers),
    async write(folder) {
      layers = await choosePlaces(facts, pruning, sizes, context);
      const shapes = new Map(tensorSpecs(small).map(({ name, shape }) => [name, shape]));
      const tensors = tensorSpecs(config).map(
        (spec) => [spec.name, cut(facts, spec, shapes.get(spec.name) ?? [], layers)] as const,
      );
      const written = await writeSafetensorsModel(folder, new Map(tensors));
      await writeModelFiles(folder, files, dtype, fields);
      await writeFile(join(folder, pruningFile), `${JSON.stringify(recordOf(facts, layers))}\n`);
      return written.reduce((sum, { bytes }) => sum + bytes, 0);
    },
    async reload(folder, type) {
      using copy = openModel(folder);
      const { sequenceLength } = run.spec.dataset;
      return frozenModel(modelSource(copy), { dtype: type, sequenceLength });
    },
  };
}

function recordOf({ prepared, model }: ArtifactFacts, layers: readonly KeptPlaces[]): PrunedModel {
  const { name, digest } = prepared.model;
  const { I, NH, NK, D } = model.config;
  return {
    version: 1,
    base: { name, digest },
    full: {
      intermediate_size: I,
      num_attention_heads: NH,
      num_key_value_heads: NK,
      head_dim: D,
    },
    layers: [...layers],
  };
}

/** The kept rows and columns of a tensor. */
function cut(
  facts: ArtifactFacts,
  { name, role, place }: DecoderTensor,
  shape: readonly number[],
  layers: readonly KeptPlaces[],
): WritableTensor {
  const { model } = facts;
  const { dtype } = model;
  const kept = typeof place === 'number' ? layers[place] : undefined;
  const rows = kept && keptRows(model.config, role, kept);
  const columns = kept && name.endsWith('.weight') && keptColumns(model.config, role, kept);
  if (!rows && !columns) return { shape, dtype, panels: () => mergedPanels(facts, name, dtype) };
  const make = () =>
    scope(() => {
      const { value } = model.parameters.get(name);
      const some = rows ? ops.indexSelect(value, 0, indices(rows)) : value;
      return ops.to(columns ? ops.indexSelect(some, 1, indices(columns)) : some, dtype);
    });
  return { shape, dtype, make };
}

/** Of the base, where nothing reads what was left out. */
function maskedLogits(model: Model, layers: readonly KeptPlaces[]): Tensor {
  const { parameters } = model;
  const config = decoderConfig(model.config);
  const names: string[] = [];
  for (const [layer, kept] of layers.entries()) {
    for (const role of ['down', 'o'] as const) {
      const name = tensorName(config, role, layer);
      const { value, shape } = parameters.get(name);
      const columns = new Set(keptColumns(config, role, kept));
      const dropped = Array.from({ length: shape[1] ?? 0 }, (_, i) => i).filter(
        (column) => !columns.has(column),
      );
      if (dropped.length === 0) continue;
      names.push(name);
      parameters.change(name, () =>
        scope(() => ops.indexFill_(ops.clone(value), 1, indices(dropped), 0)),
      );
    }
  }
  try {
    return checkLogits(model);
  } finally {
    for (const name of names) parameters.unchange(name);
    parameters.disposeMade();
  }
}
