// A folder in PEFT's format with an adapter of any ranks for a model, as others may write it.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linearLayers } from '../../worker/engine/adapted-layers.ts';
import type { Model } from '../../worker/engine/model.ts';
import { writeSafetensors } from '../../worker/files/safetensors.ts';
import type { LinearLayer } from '../../worker/methods/adapters/adapter.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { keep, scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import type { Tensor } from '../../worker/tensor/tensor.ts';

export interface PeftFolder {
  readonly folder: string;
  /** `alpha / r B A` of a layer that it changes, in float32, in the scope of the caller. */
  changeOf(layer: LinearLayer): Tensor;
}

export interface PeftOptions {
  readonly rank: number;
  /** By the last part of a path. */
  readonly ranks?: Readonly<Record<string, number>>;
  /** Last parts of paths that it leaves alone. */
  readonly without?: readonly string[];
  /** @default rank */
  readonly alpha?: number;
  readonly baseDigest?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Of all values. @default 0.15 */
  readonly size?: number;
  readonly seed?: number;
}

export async function writePeftFolder(
  folder: string,
  { config }: Pick<Model, 'config'>,
  options: PeftOptions,
): Promise<PeftFolder> {
  const { rank, ranks = {}, alpha = rank, baseDigest, size = 0.15, seed = 1 } = options;
  const lastOf = ({ path }: LinearLayer): string => path.split('.').at(-1) ?? '';
  const layers = linearLayers(config).filter((one) => !options.without?.includes(lastOf(one)));
  const ownRank = (layer: LinearLayer): number => ranks[lastOf(layer)] ?? rank;
  const factor = (layer: LinearLayer, name: 'A' | 'B'): Tensor => {
    const shape = name === 'A' ? [ownRank(layer), layer.in] : [layer.out, ownRank(layer)];
    return normal(shape, size, streamOf(seed, 'peft', layer.path, name));
  };
  const tensors = scope(
    () =>
      new Map(
        layers.flatMap((layer) =>
          (['A', 'B'] as const).map((name) => [
            `base_model.model.${layer.path}.lora_${name}.weight`,
            keep(factor(layer, name)),
          ]),
        ),
      ),
  );
  await mkdir(folder, { recursive: true });
  const metadata = { format: 'pt', ...(baseDigest && { base_digest: baseDigest }) };
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors, metadata);
  for (const tensor of tensors.values()) tensor.dispose();
  const written = {
    ...{ peft_type: 'LORA', r: rank, lora_alpha: alpha, use_rslora: false },
    ...{ rank_pattern: ranks, alpha_pattern: {}, ...options.config },
  };
  await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(written));
  return {
    folder,
    changeOf: (layer) =>
      ops.mulScalar(ops.mm(factor(layer, 'B'), factor(layer, 'A')), alpha / ownRank(layer)),
  };
}
