// The whole model, adapters merged, as one GGUF file for llama.cpp and tools built on it.
import { join } from 'node:path';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import { openModel } from '../decoder/model-files.ts';
import { buildModel, modelSource } from '../engine/build-model.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { type GgufFileType, writeGgufModel } from './gguf.ts';
import { mergedPanels } from './merge.ts';
import type { StoredType } from './rounding.ts';

const storedTypes = {
  ...{ F32: 'float32', F16: 'float16', BF16: 'bfloat16', Q8_0: 'Q8_0' },
} as const satisfies Record<GgufFileType, StoredType>;

export function ggufArtifact(facts: ArtifactFacts, fileType: GgufFileType): ArtifactWriter {
  const { files, run } = facts;
  const { headers } = files;
  const fileName = `${run.name}.${fileType}.gguf`;
  return {
    format: 'GGUF',
    folder: resultFolder.GGUF,
    rounding: storedTypes[fileType],
    async write(folder) {
      const { bytes } = await writeGgufModel(join(folder, fileName), {
        config: files.config,
        name: run.name,
        fileType,
        tokenizer: headers.gguf ?? (await modelTokenizer(headers)),
        panels: (name, step) => mergedPanels(facts, name, 'float32', step),
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
  };
}
