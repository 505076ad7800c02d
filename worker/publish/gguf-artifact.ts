// The whole model, adapters merged, as one GGUF file for llama.cpp and tools built on it.

import { join } from 'node:path';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { modelTokenizer } from '../data/model-tokenizer.ts';
import { decoderConfig } from '../decoder/config.ts';
import { hasShiftedNorm } from '../decoder/gguf-names.ts';
import { openModel } from '../decoder/model-files.ts';
import { type DecoderTensor, tensorSpecs } from '../decoder/names.ts';
import { frozenModel, modelSource } from '../engine/build-model.ts';
import { blocksOnGrid } from '../engine/on-grid.ts';
import type { GgufTypeName } from '../files/gguf-types.ts';
import { trimMemory } from '../tensor/memory.ts';
import { keep } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import type { ColumnImportance } from './calibration.ts';
import type { CodedTensor } from './codes-check.ts';
import { ggufRounded, writeGgufModel } from './gguf.ts';
import { type GgufFileType, ggufBits, ggufContents, isCoarse, storedType } from './gguf-mix.ts';
import { copiedTokenizer, ggufTokenizer } from './gguf-tokenizer.ts';
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
  const config = decoderConfig(files.config);
  const fileName = `${run.name}.${fileType}.gguf`;
  const trained = trainedBlocks(facts);
  const types = [fileType, trained?.vocabulary] as const;
  return {
    format: 'GGUF',
    folder: resultFolder.GGUF,
    ...(trained ?? rounded(facts, fileType, columns)),
    contents: ggufContents(config, ...types),
    size: async (folder) => ggufSize(join(folder, fileName), config, ...types),
    async write(folder) {
      await columns?.measure();
      const tokenizer = await tokenizerOf(facts);
      // Frees what its file was parsed to, before matrices are made.
      trimMemory();
      const { bytes } = await writeGgufModel(join(folder, fileName), {
        config,
        name: run.name,
        fileType,
        ...(trained === null ? {} : { vocabulary: trained.vocabulary, blocks: trained.blocks }),
        tokenizer,
        panels: (name, step) => mergedPanels(facts, name, 'float32', step),
        importance: (name) => columns?.of(name) ?? null,
      });
      return bytes;
    },
    async reload(folder, dtype) {
      using copy = openModel(join(folder, fileName));
      const { sequenceLength } = run.spec.dataset;
      return frozenModel(modelSource(copy), { dtype, sequenceLength });
    },
    dispose: () => columns?.[Symbol.dispose](),
  };
}

async function tokenizerOf({ files: { config, headers } }: ArtifactFacts) {
  const { gguf } = headers;
  if (gguf !== undefined) return copiedTokenizer(gguf);
  return ggufTokenizer(await modelTokenizer(headers), config.V);
}

type Compared = Pick<ArtifactWriter, 'rounding' | 'isRounded' | 'coded' | 'made'>;

function rounded(
  facts: ArtifactFacts,
  fileType: GgufFileType,
  columns: ColumnImportance | null,
): Compared {
  const isCoded = isCoarse(fileType);
  return {
    rounding: storedTypes[fileType] ?? 'float32',
    ...(isCoded ? { coded: codedTensors(facts, fileType, columns) } : {}),
    made: {
      weightBits: ggufBits(decoderConfig(facts.files.config), fileType),
      made: columns !== null ? 'Calibration' : isCoded ? 'Search' : 'Rounding',
    },
  };
}

interface TrainedBlocks extends Compared {
  readonly vocabulary: GgufTypeName;
  readonly blocks: (name: string) => Tensor | null;
}

/**
 * Of a model that was trained on the blocks of the file: each matrix decodes to what products read.
 * Embedding and head, which were not rounded, keep the type of the model; norms that are stored
 * plus 1 may lose a rounding. Null for another model.
 */
function trainedBlocks({ files, model }: ArtifactFacts): TrainedBlocks | null {
  const config = decoderConfig(files.config);
  const { onGrid, dtype } = model;
  if (onGrid?.grid.blocks === undefined) return null;
  const specs = tensorSpecs(config);
  const shifted = new Set(
    specs.filter(({ role }) => hasShiftedNorm(config, role)).map(({ name }) => name),
  );
  return {
    rounding: shifted.size > 0 ? 'float32' : null,
    isRounded: (name) => shifted.has(name),
    coded: specs.filter(isMatrix).map(({ name }) => ({
      name,
      panels: () => mergedPanels({ files, model }, name, dtype),
      decoded: (rows) => rows,
    })),
    made: { weightBits: 16, made: 'Same' },
    vocabulary: dtype === 'bfloat16' ? 'BF16' : 'F32',
    blocks(name) {
      const layer = onGrid.layers.get(name.replace(/\.weight$/, ''));
      return layer && name.endsWith('.weight') ? keep(blocksOnGrid(model, layer)) : null;
    },
  };
}

function isMatrix({ shape }: DecoderTensor): boolean {
  return shape.length > 1;
}

/**
 * Matrices. A block is within a row, so that it is the same whatever the order of rows in the file.
 */
function codedTensors(
  facts: ArtifactFacts,
  fileType: GgufFileType,
  columns: ColumnImportance | null,
): readonly CodedTensor[] {
  return tensorSpecs(decoderConfig(facts.files.config))
    .filter(isMatrix)
    .map((spec) => ({
      name: spec.name,
      panels: () => mergedPanels(facts, spec.name, 'float32'),
      decoded: (rows) => ggufRounded(rows, storedType(spec, fileType), columns?.of(spec.name)),
    }));
}
