// The complete model in Hugging Face form. The change of an adapter is added in float32 to the
// original weight, and rounded once to the type of the file.
import { resultFolder } from '../../crds/names/result-folders.ts';
import { openModel } from '../decoder/model-files.ts';
import { familyOf } from '../decoder/registry.ts';
import { frozenModel, modelSource } from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import type { PlannedPanels } from '../files/safetensors.ts';
import { writeSafetensorsModel } from '../files/safetensors-model.ts';
import { dtypeBytes, exactType } from '../tensor/dtype.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { headInConfig } from './head-in-config.ts';
import { readInputTables, requireIntegers, writeIntegers } from './integers-folder.ts';
import { mergedPanels } from './merge.ts';
import { writeModelFiles } from './model-folder.ts';
import { writePipeline } from './pipeline-folder.ts';
import { safetensorsSize } from './result-size.ts';

export function mergedArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { files, model, run } = facts;
  const dtype = model.dtype;
  return {
    format: 'MergedSafetensors',
    folder: resultFolder.MergedSafetensors,
    rounding: isExact(model) ? null : dtype === 'bfloat16' ? 'bfloat16' : 'float32',
    made: { weightBits: 8 * dtypeBytes(dtype), made: isExact(model) ? 'Same' : 'Rounding' },
    size: async (folder) => safetensorsSize(folder, files.config, dtype),
    async write(folder) {
      const tensors = new Map<string, PlannedPanels>();
      const { namesInFiles } = familyOf(files.config);
      for (const name of files.tensorNames) {
        // As files have it: a convolution is a matrix in memory.
        const { shape } = files.headers.tensors.get(name)?.spec ?? model.parameters.get(name);
        for (const nameInFile of namesInFiles(name, files.config)) {
          tensors.set(nameInFile, { shape, dtype, panels: () => mergedPanels(facts, name, dtype) });
        }
      }
      if (files.config.kind === 'diffusion') {
        const bytes = await writePipeline(folder, tensors, files);
        return model.onGrid === null ? bytes : bytes + (await writeIntegers(folder, facts));
      }
      const written = await writeSafetensorsModel(folder, tensors);
      await writeModelFiles(folder, files, dtype, headInConfig(files.config, run.spec));
      return written.reduce((sum, { bytes }) => sum + bytes, 0);
    },
    async reload(folder, type) {
      using copy = openModel(folder);
      const { sequenceLength } = run.spec.dataset;
      const source = modelSource(copy);
      const own = { dtype: type, sequenceLength };
      if (files.config.kind !== 'diffusion' || model.onGrid === null) {
        return frozenModel(source, own);
      }
      requireIntegers(folder, facts, source.load);
      return frozenModel(source, { ...own, inputs: readInputTables(folder, facts) });
    },
  };
}

/**
 * Whether products read the weights that are written: nothing is computed beside them, and none is
 * rounded, as a head is that trains in float32 among weights in bfloat16.
 */
function isExact({ adapter, onGrid, parameters, dtype }: Model): boolean {
  if (onGrid !== null) return true;
  const isWider = parameters.all().some(({ value }) => value.dtype === exactType(dtype));
  return adapter === null && (dtype === exactType(dtype) || !isWider);
}
