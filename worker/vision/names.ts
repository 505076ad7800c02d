// The tensors of a vision transformer: named as the modules of transformers 5 are in memory, which
// adapters name, too. Files keep the names of transformers 4 (file-names.ts). A module path is a
// name without `.weight`.
import type { TensorSpec } from '../families/family.ts';
import { lastNormSpecs, linearSpecs, normSpecs } from '../families/tensor-specs.ts';
import type { VisionConfig } from './config.ts';
import { visionFamilies } from './families.ts';

/** Every tensor of the model and its head, in the order of computation. */
export function visionTensors(config: VisionConfig): readonly TensorSpec[] {
  const blocks = Array.from({ length: config.L }, (_, layer) => blockTensors(config, layer));
  return [...inletTensors(config), ...blocks.flat(), ...outletTensors(config)];
}

/** Names of what lies before the first block. */
export function inletNames({ family, root }: Pick<VisionConfig, 'family' | 'root'>) {
  const at = `${root}.embeddings`;
  return {
    prefix: visionFamilies[family].prefix.map((token) => `${at}.${token}`),
    positions: `${at}.position_embeddings`,
    patches: `${at}.patch_embeddings.projection`,
  } as const;
}

function inletTensors(config: VisionConfig): readonly TensorSpec[] {
  const { H, channels, patch, side, contextLength } = config;
  const names = inletNames(config);
  const hidden = `hidden_size=${H}`;
  const spec = { place: 'embedding', isPartOfTable: false } as const;
  const ofPatches = `${hidden}, num_channels=${channels} and patch_size=${patch}`;
  return [
    ...names.prefix.map((name) => ({
      ...({ ...spec, name, kind: 'table', shape: [1, 1, H], from: hidden } as const),
    })),
    {
      ...{ ...spec, name: names.positions, kind: 'table', shape: [1, contextLength, H] },
      from: `image_size and patch_size=${patch}, which give ${side} x ${side} patches, and ${hidden}`,
    },
    {
      ...{ ...spec, name: `${names.patches}.weight`, kind: 'linear', from: ofPatches },
      shape: [H, channels, patch, patch],
    },
    { ...spec, name: `${names.patches}.bias`, kind: 'bias', shape: [H], from: hidden },
  ];
}

/** Module path of a block. */
export function blockPath(config: Pick<VisionConfig, 'family' | 'root'>, layer: number): string {
  return `${blocksPath(config)}.${layer}`;
}

/** Module path of all blocks. */
export function blocksPath({ family, root }: Pick<VisionConfig, 'family' | 'root'>): string {
  return `${root}.${visionFamilies[family].blocks}`;
}

/** Names of the vectors that what a half of a block adds is multiplied by. */
export const scales = ['layer_scale1.lambda1', 'layer_scale2.lambda1'] as const;

function blockTensors(config: VisionConfig, layer: number): readonly TensorSpec[] {
  const { family, H, I, qkvBias } = config;
  const { norms, hasLayerScale } = visionFamilies[family];
  const path = blockPath(config, layer);
  const hidden = `hidden_size=${H}`;
  const inner = `${family === 'dinov2' ? 'mlp_ratio, I' : 'intermediate_size'}=${I}`;
  const at = (name: string, shape: readonly [number, number], from = hidden) =>
    linearSpecs(`${path}.${name}`, layer, shape, from);
  const vector = { place: layer, shape: [H], from: hidden, isPartOfTable: false } as const;
  const scale = (name: string): readonly TensorSpec[] =>
    hasLayerScale ? [{ ...vector, name: `${path}.${name}`, kind: 'norm' }] : [];
  const [first, second] = norms;
  return [
    ...normSpecs(`${path}.${first}`, layer, H, hidden),
    ...['q_proj', 'k_proj', 'v_proj'].flatMap((name) =>
      at(`attention.${name}`, [H, H]).slice(0, qkvBias ? 2 : 1),
    ),
    ...at('attention.o_proj', [H, H]),
    ...scale(scales[0]),
    ...normSpecs(`${path}.${second}`, layer, H, hidden),
    ...at('mlp.fc1', [I, H], `${inner} and ${hidden}`),
    ...at('mlp.fc2', [H, I], `${hidden} and ${inner}`),
    ...scale(scales[1]),
  ];
}

/** Names of what follows the last block. */
export function outletNames({ root }: Pick<VisionConfig, 'root'>) {
  return { norm: `${root}.layernorm`, classes: 'classifier' } as const;
}

/** Values that the head reads of a picture. */
export function headInputs({ family, H }: Pick<VisionConfig, 'family' | 'H'>): number {
  return visionFamilies[family].readsPatches ? 2 * H : H;
}

function outletTensors(config: VisionConfig): readonly TensorSpec[] {
  const { labels, H, initialStd: std } = config;
  const names = outletNames(config);
  const inputs = headInputs(config);
  const from = `${labels} classes and ${inputs === H ? '' : 'twice '}hidden_size=${H}`;
  const head = linearSpecs(names.classes, 'head', [labels, inputs], from);
  return [
    ...lastNormSpecs(names.norm, 'head', H, `hidden_size=${H}`),
    ...head.map(
      (spec): TensorSpec => ({
        ...spec,
        made: { besideAdapter: 'Always', std: spec.kind === 'bias' ? 0 : std },
      }),
    ),
  ];
}
