// The tensors of two towers: named as the modules of transformers 5 are in memory, and shapes from
// the record. Between the towers lies a place of its own: the end of the one, and what precedes
// the blocks of the other. A module path is a name without `.weight`.
import type { EncoderConfig } from '../encoder/config.ts';
import { blocksPath as bertBlocks, encoderTensors } from '../encoder/names.ts';
import type { Place, TensorSpec } from '../families/family.ts';
import { linearSpecs, normSpecs } from '../families/tensor-specs.ts';
import type { VisionConfig } from '../vision/config.ts';
import { visionName, visionNameInFiles } from '../vision/file-names.ts';
import { blocksPath as dinoBlocks, outletNames, visionTensors } from '../vision/names.ts';
import type { ClipConfig, ClipTower, TextTower, VisionTower } from './config.ts';

/** The inlet of the texts' tower, that of the pictures', and the outlet. */
export const places = { text: 'text', pictures: 'pictures', head: 'head' } as const;

export const names = {
  textProjection: 'text_projection.weight',
  visualProjection: 'visual_projection.weight',
  logitScale: 'logit_scale',
} as const;

/** Every tensor, in the order of computation. */
export function clipTensors(config: ClipConfig): readonly TensorSpec[] {
  const { text, vision, joint } = config;
  const ofText = text.kind === 'clip' ? clipTextTensors(text) : bertTensors(text);
  const ofVision = vision.kind === 'clip' ? clipVisionTensors(vision) : dinoTensors(vision);
  const projection = (name: string, { H }: { readonly H: number }, place: Place): TensorSpec => ({
    ...plain(name, place, 'linear', [joint, H]),
    from: `projection_dim=${joint} and hidden_size=${H}`,
    made: { besideAdapter: 'IfMade', std: H ** -0.5 },
  });
  return [
    ...ofText.inlet,
    ...ofText.blocks,
    ...ofText.end,
    projection(names.textProjection, text, places.pictures),
    ...ofVision.inlet,
    ...ofVision.blocks.map((spec) => ({ ...spec, place: Number(spec.place) + text.L })),
    ...ofVision.end,
    projection(names.visualProjection, vision, places.head),
    // No module, which is all that PEFT saves beside an adapter: the files must have it.
    { ...plain(names.logitScale, places.head, 'vector', []), from: 'the class' },
  ];
}

interface TowerTensors {
  readonly inlet: readonly TensorSpec[];
  readonly blocks: readonly TensorSpec[];
  readonly end: readonly TensorSpec[];
}

/** Names outside the blocks of CLIP's text tower. */
export const textNames = {
  tokens: 'text_model.embeddings.token_embedding.weight',
  positions: 'text_model.embeddings.position_embedding.weight',
  norm: 'text_model.final_layer_norm',
} as const;

/** Of BERT: its pooler. */
export const poolerPath = 'text_model.pooler.dense';

function clipTextTensors(text: Extract<TextTower, { kind: 'clip' }>): TowerTensors {
  const { V, H, positions } = text;
  const table = (name: string, rows: number, field: string): TensorSpec => ({
    ...plain(name, places.text, 'table', [rows, H]),
    from: `${field}=${rows} and hidden_size=${H}`,
  });
  return {
    inlet: [
      table(textNames.tokens, V, 'vocab_size'),
      table(textNames.positions, positions, 'max_position_embeddings'),
    ],
    blocks: clipBlocks(text),
    end: norm(text, textNames.norm, places.pictures),
  };
}

function bertTensors(text: EncoderConfig): TowerTensors {
  const all = encoderTensors(text);
  const { H } = text;
  return {
    inlet: all.flatMap((spec) => (spec.place === 'embedding' ? [at(spec, places.text)] : [])),
    blocks: all.filter(({ place }) => typeof place === 'number'),
    end: linearSpecs(poolerPath, places.pictures, [H, H], `hidden_size=${H}`),
  };
}

/** Names outside the blocks of CLIP's tower of pictures; the second is spelt so. */
export const visionNamesOfClip = {
  ofClass: 'vision_model.embeddings.class_embedding',
  patches: 'vision_model.embeddings.patch_embedding.weight',
  positions: 'vision_model.embeddings.position_embedding.weight',
  first: 'vision_model.pre_layrnorm',
  last: 'vision_model.post_layernorm',
} as const;

function clipVisionTensors(vision: Extract<VisionTower, { kind: 'clip' }>): TowerTensors {
  const { H, channels, patch, side } = vision;
  const own = visionNamesOfClip;
  const hidden = `hidden_size=${H}`;
  const rows = side * side + 1;
  const spec = (name: string, shape: readonly number[], from: string): TensorSpec => ({
    ...plain(name, places.pictures, 'table', shape),
    from,
  });
  return {
    inlet: [
      spec(own.ofClass, [H], hidden),
      {
        ...spec(own.patches, [H, channels, patch, patch], ''),
        kind: 'linear',
        from: `${hidden}, num_channels=${channels} and patch_size=${patch}`,
      },
      spec(own.positions, [rows, H], `image_size and patch_size=${patch}, and ${hidden}`),
      ...norm(vision, own.first, places.pictures),
    ],
    blocks: clipBlocks(vision),
    end: norm(vision, own.last, places.head),
  };
}

function dinoTensors(vision: VisionConfig): TowerTensors {
  const all = visionTensors(vision);
  const last = `${outletNames(vision).norm}.`;
  return {
    inlet: all.flatMap((spec) => (spec.place === 'embedding' ? [at(spec, places.pictures)] : [])),
    blocks: all.filter(({ place }) => typeof place === 'number'),
    end: all.filter(({ name }) => name.startsWith(last)),
  };
}

/** Module paths of all blocks of each tower. */
export function towerPaths({ text, vision }: Pick<ClipConfig, 'text' | 'vision'>) {
  const ofClip = ({ root }: Pick<ClipTower, 'root'>) => `${root}.encoder.layers`;
  return {
    text: text.kind === 'clip' ? ofClip(text) : bertBlocks(text),
    vision: vision.kind === 'clip' ? ofClip(vision) : dinoBlocks(vision),
  };
}

/** Module path of a block of CLIP, by its number in its tower. */
export function clipBlockPath({ root }: Pick<ClipTower, 'root'>, layer: number): string {
  return `${root}.encoder.layers.${layer}`;
}

function clipBlocks(tower: ClipTower): readonly TensorSpec[] {
  return Array.from({ length: tower.L }, (_, layer) => clipBlock(tower, layer)).flat();
}

function clipBlock(tower: ClipTower, layer: number): readonly TensorSpec[] {
  const { H, I } = tower;
  const path = clipBlockPath(tower, layer);
  const hidden = `hidden_size=${H}`;
  const both = `intermediate_size=${I} and ${hidden}`;
  const linear = (name: string, shape: readonly [number, number], from: string) =>
    linearSpecs(`${path}.${name}`, layer, shape, from);
  const attention = (name: string) => linear(`self_attn.${name}`, [H, H], hidden);
  return [
    ...norm(tower, `${path}.layer_norm1`, layer),
    ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap(attention),
    ...norm(tower, `${path}.layer_norm2`, layer),
    ...linear('mlp.fc1', [I, H], both),
    ...linear('mlp.fc2', [H, I], both),
  ];
}

function plain(
  name: string,
  place: Place,
  kind: TensorSpec['kind'],
  shape: readonly number[],
): Omit<TensorSpec, 'from'> {
  return { name, place, kind, shape, isPartOfTable: false };
}

function norm({ H }: Pick<ClipTower, 'H'>, path: string, place: Place): readonly TensorSpec[] {
  return normSpecs(path, place, H, `hidden_size=${H}`);
}

function at(spec: TensorSpec, place: Place): TensorSpec {
  return { ...spec, place };
}

/** Indices that old files store. */
const ignored = /(^|\.)embeddings\.position_ids$/;

/** The worker's name of a tensor in a file; null for one that training does not use. */
export function clipName(nameInFile: string, { vision }: ClipConfig): string | null {
  if (ignored.test(nameInFile)) return null;
  return vision.kind === 'vision' && nameInFile.startsWith('vision_model.')
    ? visionName(nameInFile, vision)
    : nameInFile;
}

/** The name of a tensor in files that are written. */
export function clipNameInFiles(name: string, { vision }: ClipConfig): string {
  return vision.kind === 'vision' && name.startsWith('vision_model.')
    ? visionNameInFiles(name, vision)
    : name;
}
