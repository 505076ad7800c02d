// The complete model in Hugging Face form. The change of an adapter is added in float32 to the
// original weight, and rounded once to the type of the file.
import { resultFolder } from '../../crds/names/result-folders.ts';
import { openModel } from '../decoder/model-files.ts';
import { familyOf } from '../decoder/registry.ts';
import { frozenModel, modelSource } from '../engine/build-model.ts';
import type { Model } from '../engine/model.ts';
import type { PlannedPanels } from '../files/safetensors.ts';
import { writeSafetensorsModel } from '../files/safetensors-model.ts';
import { isFound, isSupernet } from '../quantnas/config.ts';
import { type DType, dtypeBytes, exactType } from '../tensor/dtype.ts';
import { keep } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { writeFound } from './found-network.ts';
import { headInConfig } from './head-in-config.ts';
import { mergedPanels } from './merge.ts';
import { writeModelFiles } from './model-folder.ts';
import { requireNetworkIntegers, roundedWeight, writeNetworkIntegers } from './network-integers.ts';
import { writePipeline } from './pipeline-folder.ts';
import { safetensorsSize } from './result-size.ts';
import {
  readInputTables,
  requireTrainedIntegers,
  writeTrainedIntegers,
} from './trained-integers.ts';

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
      const family = familyOf(files.config);
      const specs = new Map(family.tensors(files.config).map((spec) => [spec.name, spec]));
      for (const name of files.tensorNames) {
        // As files have it: a convolution is a matrix in memory.
        const { shape } = specs.get(name) ?? model.parameters.get(name);
        for (const nameInFile of family.namesInFiles(name, files.config)) {
          tensors.set(nameInFile, { shape, dtype, panels: () => panelsOf(facts, name, dtype) });
        }
      }
      if (files.config.kind === 'diffusion') {
        const bytes = await writePipeline(folder, tensors, files);
        return model.onGrid === null ? bytes : bytes + (await writeTrainedIntegers(folder, facts));
      }
      const written = await writeSafetensorsModel(folder, tensors);
      await writeModelFiles(folder, files, dtype, headInConfig(files.config, run.spec));
      const bytes = written.reduce((sum, one) => sum + one.bytes, 0);
      return bytes + (await writeBeside(folder, facts));
    },
    async reload(folder, type) {
      const { config } = files;
      using copy = openModel(folder, isSupernet(config) ? { surrogate: config.surrogate } : {});
      const { sequenceLength } = run.spec.dataset;
      const source = modelSource(copy);
      const own = { dtype: type, sequenceLength };
      if (isFound(config)) requireNetworkIntegers(folder, model, config, source.load);
      if (config.kind !== 'diffusion' || model.onGrid === null) {
        return frozenModel(source, own);
      }
      requireTrainedIntegers(folder, facts, source.load);
      return frozenModel(source, { ...own, inputs: readInputTables(folder, facts) });
    },
  };
}

function* panelsOf(facts: ArtifactFacts, name: string, dtype: DType): Generator<Tensor> {
  const { config } = facts.files;
  const rounded = isFound(config) ? roundedWeight(facts.model, config, name) : null;
  if (rounded === null) yield* mergedPanels(facts, name, dtype);
  else yield keep(rounded);
}

/** What a network that is searched, or was found, has beside its weights. */
async function writeBeside(folder: string, { files: { config }, model }: ArtifactFacts) {
  if (isSupernet(config)) return await writeFound(folder, model, config);
  return isFound(config) ? await writeNetworkIntegers(folder, model, config) : 0;
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
