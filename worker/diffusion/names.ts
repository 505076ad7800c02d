// The tensors of a diffusion transformer: named as in diffusers' files, but for what is made of
// time step and class, of which each block has a copy there. A module path is a name without
// `.weight`.
import type { Place, TensorSpec } from '../families/family.ts';
import { linearSpecs } from '../families/tensor-specs.ts';
import type { DiffusionConfig } from './config.ts';
import { timeWidth } from './positions.ts';

/** Every tensor of the model, in the order of computation. */
export function diffusionTensors(config: DiffusionConfig): readonly TensorSpec[] {
  const blocks = Array.from({ length: config.L }, (_, layer) => blockTensors(config, layer));
  return [...inletTensors(config), ...blocks.flat(), ...outletTensors(config)];
}

/** Of a pipeline of diffusers: the folder with the transformer. */
export const transformerFolder = 'transformer';

const blocksPath = 'transformer_blocks';
const conditioning = 'conditioning';

/** Module paths of what precedes the blocks. */
export const inletPaths = {
  patches: 'pos_embed.proj',
  time: [
    `${conditioning}.timestep_embedder.linear_1`,
    `${conditioning}.timestep_embedder.linear_2`,
  ],
  labels: `${conditioning}.class_embedder.embedding_table`,
} as const;

/** Module paths of what follows the blocks. */
export const outletPaths = { modulation: 'proj_out_1', values: 'proj_out_2' } as const;

/** Module path of a block. */
export function blockPath(layer: number): string {
  return `${blocksPath}.${layer}`;
}

function inletTensors(config: DiffusionConfig): readonly TensorSpec[] {
  const { H, V, labels, channels, patch } = config;
  const place = 'embedding';
  const { patches, time, labels: table } = inletPaths;
  const [first, second] = time;
  const [weight, bias] = linear(patches, place, [H, channels * patch ** 2], {
    from: `in_channels=${channels} and patch_size=${patch}`,
  });
  return [
    // In files a convolution; as it is drawn, a linear layer of the values of a patch.
    { ...weight, shape: [H, channels, patch, patch] },
    bias,
    ...linear(first, place, [H, timeWidth], { from: hidden(config), std: tableStd }),
    ...linear(second, place, [H, H], { from: hidden(config), std: tableStd }),
    {
      ...{ name: `${table}.weight`, place, kind: 'table', shape: [V, H], isPartOfTable: false },
      from: `num_embeds_ada_norm=${labels} and ${hidden(config)}`,
      made: { besideAdapter: 'Never', std: tableStd },
    },
  ];
}

/** Of the tables, and of what makes a time step a vector. */
const tableStd = 0.02;

function blockTensors(config: DiffusionConfig, layer: number): readonly TensorSpec[] {
  const { H, I, attentionBias } = config;
  const path = blockPath(layer);
  const from = hidden(config);
  return [
    ...linear(`${path}.norm1.linear`, layer, [6 * H, H], { from, std: 0 }),
    ...['to_q', 'to_k', 'to_v'].flatMap((role) =>
      linear(`${path}.attn1.${role}`, layer, [H, H], { from }).slice(0, attentionBias ? 2 : 1),
    ),
    ...linear(`${path}.attn1.to_out.0`, layer, [H, H], { from }),
    ...linear(`${path}.ff.net.0.proj`, layer, [I, H], { from }),
    ...linear(`${path}.ff.net.2`, layer, [H, I], { from }),
  ];
}

function outletTensors(config: DiffusionConfig): readonly TensorSpec[] {
  const { H, patch } = config;
  const outputs = outputsOf(config);
  const { modulation, values } = outletPaths;
  return [
    ...linear(modulation, 'head', [2 * H, H], { from: hidden(config), std: 0 }),
    ...linear(values, 'head', [outputs * patch ** 2, H], {
      from: `out_channels=${outputs}, patch_size=${patch} and ${hidden(config)}`,
      std: 0,
    }),
  ];
}

/** Channels that the model gives. */
export function outputsOf({ channels, hasVariance }: DiffusionConfig): number {
  return (hasVariance ? 2 : 1) * channels;
}

function hidden({ NH, D }: DiffusionConfig): string {
  return `num_attention_heads=${NH} and attention_head_dim=${D}`;
}

interface LinearOptions {
  readonly from: string;
  /** Of the weight where the model is made; biases are zeros. @default that of Glorot & Bengio */
  readonly std?: number;
}

function linear(
  path: string,
  place: Place,
  shape: readonly [out: number, inputs: number],
  { from, std = Math.sqrt(2 / (shape[0] + shape[1])) }: LinearOptions,
): readonly [weight: TensorSpec, bias: TensorSpec] {
  const made = (std: number) => ({ made: { besideAdapter: 'Never', std } as const });
  const [weight, bias] = linearSpecs(path, place, shape, from);
  return [
    { ...weight, ...made(std) },
    { ...bias, ...made(0) },
  ];
}

const copied = new RegExp(`^${blocksPath}\\.(\\d+)\\.norm1\\.emb\\.(.+)$`);

/**
 * The worker's name of a tensor in a file of diffusers; null for the copies of later blocks, which
 * must be those of the first, and for the table of positions in old files.
 */
export function diffusionName(nameInFile: string): string | null {
  if (nameInFile === 'pos_embed.pos_embed') return null;
  const [, layer, rest] = copied.exec(nameInFile) ?? [];
  if (layer === undefined) return nameInFile;
  return layer === '0' ? `${conditioning}.${rest}` : null;
}

/** Names that a tensor has in a file of diffusers: one, or one in each block. */
export function namesInFile(name: string, { L }: Pick<DiffusionConfig, 'L'>): readonly string[] {
  if (!name.startsWith(`${conditioning}.`)) return [name];
  const rest = name.slice(conditioning.length);
  return Array.from({ length: L }, (_, layer) => `${blockPath(layer)}.norm1.emb${rest}`);
}
