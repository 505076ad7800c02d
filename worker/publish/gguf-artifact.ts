// The whole model, adapters merged, as one GGUF file for llama.cpp and tools built on it.
import { join } from 'node:path';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import { openModel } from '../decoder/model-files.ts';
import { tensorSpecs } from '../decoder/names.ts';
import { buildModel, modelSource } from '../engine/build-model.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import type { ColumnImportance } from './calibration.ts';
import type { CodedTensor } from './codes-check.ts';
import { ggufRounded, writeGgufModel } from './gguf.ts';
import { type GgufFileType, ggufBits, ggufContents, isCoarse, storedType } from './gguf-mix.ts';
import { mergedPanels } from './merge.ts';
import { ggufSize } from './result-size.ts';
import type { StoredType } from './rounding.ts';

/** A file in coarse codes is compared without them. */
const storedTypes: { readonly [Type in GgufFileType]?: StoredType } = {
  ...{ F32: 'float32', F16: 'float16', BF16: 'bfloat16', Q8_0: 'Q8_0' },
};

export function ggufArtifact(
  facts: ArtifactFacts,
  fileType: GgufFileType,
  columns: ColumnImportance | null = null,
): ArtifactWriter {
  const { files, run } = facts;
  const { headers } = files;
  const fileName = `${run.name}.${fileType}.gguf`;
  return {
    format: 'GGUF',
    folder: resultFolder.GGUF,
    rounding: storedTypes[fileType] ?? 'float32',
    ...(isCoarse(fileType) ? { coded: codedTensors(facts, fileType, columns) } : {}),
    contents: ggufContents(files.config, fileType),
    made: {
      weightBits: ggufBits(files.config, fileType),
      made: columns !== null ? 'Calibration' : isCoarse(fileType) ? 'Search' : 'Rounding',
    },
    size: async (folder) => ggufSize(join(folder, fileName), files.config, fileType),
    async write(folder) {
      await columns?.measure();
      const { bytes } = await writeGgufModel(join(folder, fileName), {
        config: files.config,
        name: run.name,
        fileType,
        tokenizer: headers.gguf ?? (await modelTokenizer(headers)),
        panels: (name, step) => mergedPanels(facts, name, 'float32', step),
        importance: (name) => columns?.of(name) ?? null,
      });
      return bytes;
    },
    async reload(folder, dtype) {
      using copy = openModel(join(folder, fileName));
      return buildModel(modelSource(copy), {
        dtype,
        adapter: null,
        // No tensor is trained: the mapped file itself is used where possible.
        trains: () => false,
        sequenceLength: run.spec.dataset.sequenceLength,
      });
    },
    dispose: () => columns?.[Symbol.dispose](),
  };
}

/**
 * Matrices. A block is within a row, so that it is the same whatever the order of rows in the file.
 */
function codedTensors(
  facts: ArtifactFacts,
  fileType: GgufFileType,
  columns: ColumnImportance | null,
): readonly CodedTensor[] {
  return tensorSpecs(facts.files.config)
    .filter(({ shape }) => shape.length > 1)
    .map((spec) => ({
      name: spec.name,
      panels: () => mergedPanels(facts, spec.name, 'float32'),
      decoded: (rows) => ggufRounded(rows, storedType(spec, fileType), columns?.of(spec.name)),
    }));
}
