// A toy of diffusion transformers, in memory or as diffusers' folder, and pictures with noise.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fillSequence } from '../../worker/data/packed-sequences.ts';
import { readDiffusionConfig } from '../../worker/diffusion/config.ts';
import { namesInFile } from '../../worker/diffusion/names.ts';
import { withNoise } from '../../worker/diffusion/noise.ts';
import { patchesOf } from '../../worker/diffusion/patches.ts';
import { linearSampler } from '../../worker/diffusion/sampler-config.ts';
import { noiseLevels } from '../../worker/diffusion/schedule.ts';
import type { ModelSource } from '../../worker/engine/build-model.ts';
import type { HostSequence } from '../../worker/engine/packed-sequence.ts';
import type { TensorSpec } from '../../worker/families/family.ts';
import { writeSafetensors } from '../../worker/files/safetensors.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { tensor } from '../../worker/tensor/tensor.ts';
import { documentsOf } from '../builders/documents.ts';
import { type Fields, toySource, toyTensors } from './weights.ts';

/** A `config.json` of three blocks, for pictures of two channels, four patches, five classes. */
export function diffusionJson(changes: Fields = {}): Fields {
  return {
    _class_name: 'DiTTransformer2DModel',
    ...{ num_attention_heads: 2, attention_head_dim: 4, num_layers: 3, norm_eps: 1e-6 },
    ...{ in_channels: 2, out_channels: 2, sample_size: 4, patch_size: 2, num_embeds_ada_norm: 5 },
    ...{ attention_bias: true, dropout: 0, activation_fn: 'gelu-approximate' },
    ...{ norm_type: 'ada_norm_zero', norm_elementwise_affine: false },
    ...changes,
  };
}

const rule = (kind: TensorSpec['kind'], u: number, inputs: number): number =>
  kind === 'bias' ? 0.4 * u : (2 * u) / Math.sqrt(inputs);

export function diffusionSource(changes: Fields = {}): ModelSource {
  return toySource(diffusionJson(changes), { rule });
}

/** A folder as diffusers saves the transformer in; `changed` may change a tensor of the file. */
export async function makeDiffusion(
  folder: string,
  changes: Fields = {},
  changed: (nameInFile: string, values: Float64Array) => void = () => {},
): Promise<string> {
  const json = diffusionJson(changes);
  const config = readDiffusionConfig(json);
  const planned = [...toyTensors(json, { rule })].flatMap(([own, { spec, values: all }]) =>
    namesInFile(own, config).map((name) => {
      const values = all.slice();
      changed(name, values);
      const make = () => scope(() => ops.to(tensor(values, spec.shape), 'float32'));
      return [name, { shape: spec.shape, dtype: 'float32', make } as const] as const;
    }),
  );
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'diffusion_pytorch_model.safetensors');
  await writeSafetensors(file, new Map(planned), { format: 'pt' });
  await writeFile(join(folder, 'config.json'), `${JSON.stringify(json, null, 2)}\n`);
  return folder;
}

/** Pictures of the toy with noise, by their numbers; each draws by its number. */
export function noisedPictures(
  documents: readonly number[],
  { key = 0, changes = {} }: { readonly key?: number; readonly changes?: Fields } = {},
): HostSequence {
  const config = readDiffusionConfig(diffusionJson(changes));
  const { channels, side, labels } = config;
  const tokens = patchesOf(config);
  const size = channels * side ** 2;
  const list = Array.from({ length: Math.max(...documents) + 1 }, (_, n) => ({
    ids: new Array<number>(tokens).fill(0),
    targets: new Array<number>(tokens).fill(0),
    class: n % labels,
  }));
  const pictures = {
    ...documentsOf(list),
    valuesOf: (members: readonly number[]) => ({
      pixels: {
        values: Float32Array.from(members.flatMap((n) => pictureOf(n, size))),
        shape: [channels, side, side],
      },
    }),
  };
  const sequence = fillSequence(pictures, documents, key);
  return withNoise(sequence, config, noiseLevels(linearSampler.betas), { seed: 5, epoch: 2 });
}

function pictureOf(n: number, size: number): readonly number[] {
  return Array.from({ length: size }, (_, i) => Math.sin(1 + n + 0.7 * i * (1 + (n % 3))));
}
