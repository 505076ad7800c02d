// `config.json` → one record of what two towers compute, one of texts and one of pictures, whose
// ends meet in a joint space. All other code depends on the record alone; confirm.ts checks it
// against the tensors.
import { Bug, UserError } from '../../crds/failures/errors.ts';
import { type EncoderConfig, readEncoderConfig } from '../encoder/config.ts';
import { activationOf, headSize } from '../families/class-fields.ts';
import { refuseOtherClasses } from '../families/config-json.ts';
import type { ModelConfig, ReadOptions } from '../families/family.ts';
import type { PlainActivation } from '../nn/activate.ts';
import { readVisionConfig, type VisionConfig } from '../vision/config.ts';
import { parsePair, parseText, parseVision, type TextFields } from './config-file.ts';

/** What both kinds of towers of CLIP have. Legend: as of `ModelConfig`. */
export interface ClipTower {
  readonly root: string;
  readonly H: number;
  readonly L: number;
  readonly NH: number;
  readonly D: number;
  readonly I: number;
  readonly attentionScale: number;
  readonly normEps: number;
  readonly activation: PlainActivation;
  readonly dropout: number;
}

interface ClipText extends ClipTower {
  readonly kind: 'clip';
  readonly V: number;
  readonly positions: number;
  /** The token whose state is that of the text, at its first place; null: the largest id. */
  readonly endId: number | null;
}

interface ClipVision extends ClipTower {
  readonly kind: 'clip';
  readonly channels: number;
  readonly imageSize: number;
  readonly patch: number;
  /** Patches along the side of a picture. */
  readonly side: number;
}

export type TextTower = ClipText | EncoderConfig;
export type VisionTower = ClipVision | VisionConfig;

/** Blocks are numbered through the texts' tower and then the pictures'. */
export interface ClipConfig extends ModelConfig {
  readonly kind: 'imageText';
  readonly family: ClipName;
  readonly text: TextTower;
  readonly vision: VisionTower;
  /** Values of a text or a picture where both meet. */
  readonly joint: number;
}

export const clipNames = ['clip', 'vision-text-dual-encoder'] as const;
type ClipName = (typeof clipNames)[number];

/** The record of two towers, for what computes them. */
export function clipConfig(config: ModelConfig): ClipConfig {
  if (isClip(config)) return config;
  throw new Bug(`a ${config.family} has no towers`);
}

function isClip(config: ModelConfig): config is ClipConfig {
  return config.kind === 'imageText';
}

const architectures: Readonly<Record<ClipName, readonly string[]>> = {
  clip: ['CLIPModel'],
  'vision-text-dual-encoder': ['VisionTextDualEncoderModel'],
};

/** Of the classes in transformers: a value missing in `config.json` is one of these. */
const defaults = {
  joint: 512,
  text: { H: 512, I: 2048, heads: 8, vocabulary: 49_408, positions: 77, end: 49_407 },
  vision: { H: 768, I: 3072, heads: 12, image: 224, patch: 32, channels: 3 },
  ...{ layers: 12, activation: 'quick_gelu', epsilon: 1e-5 },
} as const;

/** The end that files of before July 2023 name, whatever their tokenizer has. */
const formerEnd = 2;

export function readClipConfig(json: unknown, { path = 'config.json' }: ReadOptions = {}) {
  const fields = parsePair(json, path);
  const family = clipNames.find((name) => name === fields.model_type) ?? 'clip';
  refuseOtherClasses(fields, architectures[family], path);
  const at = (part: string) => `${path}: ${part}`;
  const isOwn = family === 'clip';
  const readText = isOwn ? clipText : bertText;
  const readVision = isOwn ? clipVision : dinoVision;
  const text = readText(fields.text_config ?? {}, at('text_config'));
  const vision = readVision(fields.vision_config ?? {}, at('vision_config'));
  const config: ClipConfig = {
    ...{ kind: 'imageText', family, text, vision, joint: fields.projection_dim ?? defaults.joint },
    // Sizes of both are in their towers; these are of the larger one.
    ...{ V: text.V, H: Math.max(text.H, vision.H), L: text.L + vision.L },
    ...{ NH: Math.max(text.NH, vision.NH), NK: Math.max(text.NH, vision.NH) },
    ...{ D: Math.max(text.D, vision.D), I: Math.max(text.I, vision.I) },
    attentionScale: vision.attentionScale,
    contextLength: text.kind === 'clip' ? text.positions : text.contextLength,
    dropout: Math.max(text.dropout ?? 0, vision.dropout ?? 0),
  };
  return config;
}

function clipText(json: unknown, path: string): ClipText {
  const fields = parseText(json, path);
  const { text } = defaults;
  const end = fields.eos_token_id ?? text.end;
  return {
    ...{ kind: 'clip', root: 'text_model', ...towerOf(fields, text, path) },
    V: fields.vocab_size ?? text.vocabulary,
    positions: fields.max_position_embeddings ?? text.positions,
    endId: end === formerEnd ? null : end,
  };
}

function clipVision(json: unknown, path: string): ClipVision {
  const fields = parseVision(json, path);
  const { vision } = defaults;
  const imageSize = fields.image_size ?? vision.image;
  const patch = fields.patch_size ?? vision.patch;
  if (patch > imageSize) {
    const message = `${path}: image_size is ${imageSize}; it must be at least patch_size, ${patch}`;
    throw new UserError({ code: 'E_INVALID_MODEL', path, value: imageSize, message });
  }
  return {
    ...{ kind: 'clip', root: 'vision_model', ...towerOf(fields, vision, path) },
    channels: fields.num_channels ?? vision.channels,
    ...{ imageSize, patch, side: Math.floor(imageSize / patch) },
  };
}

type TowerFields = Omit<TextFields, 'vocab_size' | 'max_position_embeddings' | 'eos_token_id'>;

function towerOf(
  fields: TowerFields,
  usual: { readonly H: number; readonly I: number; readonly heads: number },
  path: string,
): Omit<ClipTower, 'root'> {
  const H = fields.hidden_size ?? usual.H;
  const NH = fields.num_attention_heads ?? usual.heads;
  const D = headSize(H, NH, path);
  const activation = fields.hidden_act ?? defaults.activation;
  return {
    ...{ H, L: fields.num_hidden_layers ?? defaults.layers, NH, D },
    ...{ I: fields.intermediate_size ?? usual.I, attentionScale: D ** -0.5 },
    normEps: fields.layer_norm_eps ?? defaults.epsilon,
    activation: activation === 'quick_gelu' ? 'quick-gelu' : activationOf(activation, path),
    dropout: fields.attention_dropout ?? 0,
  };
}

function bertText(json: unknown, path: string): EncoderConfig {
  requireType(json, 'bert', path);
  return { ...readEncoderConfig(json, { path }), root: 'text_model' };
}

function dinoVision(json: unknown, path: string): VisionConfig {
  requireType(json, 'dinov2', path);
  return { ...readVisionConfig(json, { path }), root: 'vision_model' };
}

/** Other towers of transformers have poolers and projections of other kinds. */
function requireType(json: unknown, type: string, path: string): void {
  const found =
    typeof json === 'object' && json !== null && 'model_type' in json && json.model_type;
  if (found === type) return;
  throw new UserError({
    code: 'E_UNKNOWN_ARCHITECTURE',
    path,
    message: `${path}: model_type is ${JSON.stringify(found || null)}; this tower of a dual encoder must be a ${type}`,
  });
}
