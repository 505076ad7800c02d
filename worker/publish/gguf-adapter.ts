// The adapter as one GGUF file for llama.cpp (`--lora`): two tensors of each layer, named as the
// weight with `.lora_a` and `.lora_b`, in F32. llama.cpp multiplies by alpha / rank, or by 1 where
// alpha is 0: layers of different ranks have their scale in B then. Rows of B in the order that the
// file of the model has: q and k of the architecture `llama` as neighbouring pairs.
import { join } from 'node:path';
import { Bug } from '../../crds/failures/errors.ts';
import { resultFolder } from '../../crds/names/result-folders.ts';
import { type DecoderConfig, decoderConfig } from '../decoder/config.ts';
import { ggufArchitectures, ggufName, pairedHeads } from '../decoder/gguf-names.ts';
import { halves, pairs } from '../decoder/gguf-weights.ts';
import { type DecoderTensor, tensorSpecs } from '../decoder/names.ts';
import { type GgufPair, type GgufPlannedTensor, writeGguf } from '../files/gguf-writer.ts';
import { readGgufHeader } from '../files/header-files.ts';
import { typed } from '../files/safetensors.ts';
import type { LinearLayer } from '../methods/adapters/adapter.ts';
import * as ops from '../tensor/ops.generated.ts';
import { keep, scope } from '../tensor/scope.ts';
import { mapFile, type Tensor, toBytes } from '../tensor/tensor.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { asTrained, asWritten } from './read-adapter.ts';
import { sizesInFile } from './recovery.ts';
import {
  type Factor,
  factorWritten,
  layersWritten,
  rankWritten,
  roundingOf,
  scaleWritten,
  takesOver,
} from './written-adapter.ts';

export function ggufAdapterArtifact(facts: ArtifactFacts): ArtifactWriter {
  const { model, run } = facts;
  const fileName = `${run.name}.lora.gguf`;
  return {
    format: 'GGUFAdapter',
    folder: resultFolder.GGUFAdapter,
    ...roundingOf(model, commonAlpha(facts) === null),
    async write(folder) {
      const alpha = commonAlpha(facts);
      const metadata = new Map<string, GgufPair>([
        ['general.architecture', text(ggufArchitectures[configInFile(facts).family])],
        ['general.type', text('adapter')],
        ['general.name', text(run.name)],
        ['general.file_type', { type: 'uint32', value: 0 }],
        ['adapter.type', text('lora')],
        ['adapter.lora.alpha', { type: 'float32', value: alpha ?? 0 }],
      ]);
      const tensors = tensorsOf(facts, alpha === null);
      const { bytes } = await writeGguf(join(folder, fileName), metadata, tensors);
      return bytes;
    },
    reload: async (folder) => readBack(facts, join(folder, fileName), asWritten),
    ...(takesOver(model) && {
      asTrained: (folder: string) => readBack(facts, join(folder, fileName), asTrained),
    }),
  };
}

function text(value: string): GgufPair {
  return { type: 'string', value };
}

/** Alpha of all layers where it is one number; null where it differs. */
function commonAlpha(facts: ArtifactFacts): number | null {
  const all = layersWritten(facts).map(
    (layer) => scaleWritten(facts, layer) * rankWritten(facts, layer),
  );
  const [first = 0] = all;
  return all.every((alpha) => alpha === first) ? first : null;
}

function tensorsOf(facts: ArtifactFacts, isScaled: boolean): Map<string, GgufPlannedTensor> {
  const config = configInFile(facts);
  const found = new Map<string, GgufPlannedTensor>();
  for (const layer of layersWritten(facts)) {
    const spec = specOf(config, layer);
    const rank = rankWritten(facts, layer);
    const sizes = sizesInFile(facts.cut, layer);
    const planned = (shape: readonly number[], make: () => Tensor): GgufPlannedTensor => ({
      ...{ type: 'F32', shape },
      parts: () => [scope(() => toBytes(ops.contiguous(ops.to(make(), 'float32'))))],
    });
    found.set(
      nameOf(spec, 'A'),
      planned([rank, sizes.in], () => factorWritten(facts, layer, 'A')),
    );
    found.set(
      nameOf(spec, 'B'),
      planned([sizes.out, rank], () => {
        const B = factorWritten(facts, layer, 'B');
        const scaled = isScaled ? ops.mulScalar(B, scaleWritten(facts, layer)) : B;
        const heads = pairedHeads(config, spec.role);
        return heads > 0 ? pairs(scaled, heads) : scaled;
      }),
    );
  }
  return found;
}

function noWhole(name: string): never {
  throw new Bug(`${name} trained whole, which no GGUF file of an adapter has`);
}

/** The trained model by the factors in the file; a scale that is in B is taken out again. */
function readBack(facts: ArtifactFacts, path: string, put: typeof asTrained) {
  const config = configInFile(facts);
  const { tensors } = readGgufHeader(path);
  const isScaled = commonAlpha(facts) === null;
  using bytes = keep(mapFile(path));
  const read = (layer: LinearLayer, factor: Factor) => {
    const spec = specOf(config, layer);
    const info = tensors.get(nameOf(spec, factor));
    if (info === undefined) throw new Bug(`the file has no ${nameOf(spec, factor)}`);
    const { begin, end, shape } = info;
    const values = ops.view(
      typed(ops.narrow(bytes, 0, begin, end - begin), begin, 'float32'),
      shape,
    );
    if (factor === 'A') return values;
    const heads = pairedHeads(config, spec.role);
    const ordered = heads > 0 ? halves(values, heads) : values;
    return isScaled ? ops.divScalar(ordered, scaleWritten(facts, layer)) : ordered;
  };
  return put(facts, noWhole, read, isScaled);
}

/** Of the model that the file is for. */
function configInFile({ model, cut }: ArtifactFacts): DecoderConfig {
  return cut?.config ?? decoderConfig(model.config);
}

function nameOf(spec: DecoderTensor, factor: Factor): string {
  return `${ggufName(spec)}.lora_${factor === 'A' ? 'a' : 'b'}`;
}

function specOf(config: DecoderConfig, { path }: LinearLayer): DecoderTensor {
  const spec = tensorSpecs(config).find(({ name }) => name === `${path}.weight`);
  if (spec === undefined) throw new Bug(`the model has no ${path}`);
  return spec;
}
