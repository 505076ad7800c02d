// The model in the format of `aqlm` and transformers: codes, codebooks and scales of the linear
// layers as they were trained, all else dense.
//   <layer>.codes      int8 [O, J, K], a code of `bits` bits as a signed integer
//   <layer>.codebooks  float32 [K, E, 1, g]      <layer>.scales  float32 [O, 1, 1, 1]
// Codebooks and scales keep the precision of training, so that the model read back has the same
// bits; they are small.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { printConfig } from '../decoder/print-config.ts';
import { buildModel } from '../engine/build-model.ts';
import type { Parameter } from '../engine/parameters.ts';
import type { PlannedTensor, WritableTensor } from '../files/safetensors.ts';
import { writeSafetensorsModel } from '../files/safetensors-model.ts';
import { decodeCodebook } from '../methods/weights/codebook.ts';
import type { DType } from '../tensor/dtype.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { releasePages, type Tensor } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { mergedPanels } from './merge.ts';
import { writeModelFiles } from './model-folder.ts';
import { openFolder, type StoredFolder } from './stored-folder.ts';

export function aqlmArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { files, model, run } = facts;
  return {
    format: 'AQLM',
    folder: resultFolder.AQLM,
    rounding: null,
    made: { weightBits: 16, made: 'Same' },
    async write(folder) {
      const parameters = files.tensorNames.map((name) => model.parameters.get(name));
      const planned = new Map(parameters.flatMap((each) => plannedTensors(each, facts)));
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
        load: (name: string, type: DType) => decodedIn(stored, name, codeBits(facts), type),
      };
      const { sequenceLength } = run.spec.dataset;
      return buildModel(source, { dtype, adapter: null, sequenceLength });
    },
  };
}

function plannedTensors(
  parameter: Parameter,
  facts: ArtifactFacts,
): readonly (readonly [string, WritableTensor])[] {
  const { name, value, shape, coded } = parameter;
  if (coded?.type !== 'Codebook') {
    const { dtype } = facts.model;
    return [[name, { shape, dtype, panels: () => mergedPanels(facts, name, dtype) }]];
  }
  const { codebooks, scales } = coded.parts;
  const [count = 0, entries = 0, size = 0] = codebooks.shape;
  const path = pathOf(name);
  const [ofCodebooks, ofScales] = [
    [count, entries, 1, size],
    [scales.numel, 1, 1, 1],
  ] as const;
  const float = (from: Tensor, as: readonly number[]): PlannedTensor => ({
    ...{ shape: as, dtype: 'float32' },
    make: () => ops.view(ops.toCopy(from, { dtype: 'float32' }), as),
  });
  return [
    [
      `${path}.codes`,
      { shape: value.shape, dtype: 'int8', make: () => signed(value, codeBits(facts)) },
    ],
    [`${path}.codebooks`, float(codebooks, ofCodebooks)],
    [`${path}.scales`, float(scales, ofScales)],
  ];
}

/** A code of 2^(bits - 1) or more is written minus 2^bits. */
function signed(codes: Tensor, bits: number): Tensor {
  return scope(() => {
    const wide = ops.to(codes, 'int16');
    const wraps = ops.to(ops.geScalar(wide, 2 ** (bits - 1)), 'int16');
    return ops.to(ops.sub(wide, ops.mulScalar(wraps, 2 ** bits)), 'int8');
  });
}

/** Uses the names of transformers' AqlmConfig. Only linear layers of blocks are quantised. */
function configOf({ files, model, method }: ArtifactFacts): Readonly<Record<string, unknown>> {
  if (method.base.type !== 'Codebook') throw new Bug('AQLM is a form of codebooks');
  const { codebooks, bits, groupSize } = method.base.codebook;
  const { dtype } = model;
  return {
    ...(files.headers.configJson as Record<string, unknown>),
    ...{ torch_dtype: dtype, dtype },
    quantization_config: {
      quant_method: 'aqlm',
      in_group_size: groupSize,
      out_group_size: 1,
      num_codebooks: codebooks,
      nbits_per_codebook: bits,
      linear_weights_not_to_quantize: ['lm_head', 'lm_head.weight', 'model.embed_tokens.weight'],
    },
  };
}

function codeBits({ method }: ArtifactFacts): number {
  return method.base.type === 'Codebook' ? method.base.codebook.bits : 8;
}

/** A tensor of the model; layers are decoded. */
function decodedIn(stored: StoredFolder, name: string, bits: number, dtype: DType): Tensor {
  return scope(() => {
    const path = pathOf(name);
    const codes = stored.find(`${path}.codes`);
    if (codes === null) return ops.to(stored.load(name), dtype);
    const codebooks = ops.squeeze(stored.load(`${path}.codebooks`), 2);
    const scales = ops.view(stored.load(`${path}.scales`), [-1]);
    const value = decodeCodebook({ codes: unsigned(codes, bits), codebooks, scales }, dtype);
    // The encoded tensors are not needed again.
    for (const each of [codes, codebooks, scales]) releasePages(each);
    return value;
  });
}

function unsigned(codes: Tensor, bits: number): Tensor {
  return ops.to(ops.remainderScalar(ops.to(codes, 'int16'), 2 ** bits), 'uint8');
}

function pathOf(name: string): string {
  return name.replace(/\.weight$/, '');
}
