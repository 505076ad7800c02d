// `config.json` → one record of what Whisper computes. All other code depends on the record alone;
// confirm.ts checks it against the tensors.
import { Bug, UserError } from '../../crds/failures/errors.ts';
import { activationOf, headSize, type PlainActivation } from '../families/class-fields.ts';
import { refuseOtherClasses } from '../families/config-json.ts';
import type { ModelConfig, ReadOptions } from '../families/family.ts';
import { type ConfigFields, parseConfigFile } from './config-file.ts';

/** Blocks are numbered through the encoder and then the decoder. */
export interface WhisperConfig extends ModelConfig {
  readonly kind: 'speech';
  readonly family: 'whisper';
  /** Blocks of the encoder; the decoder has the others. */
  readonly encoderBlocks: number;
  readonly activation: PlainActivation;
  readonly normEps: number;
  /** Values of a frame of sound. */
  readonly mels: number;
  /** Rows of the table of positions of the encoder: one for two frames. */
  readonly sourcePositions: number;
}

/** The record of Whisper, for what computes it. */
export function whisperConfig(config: ModelConfig): WhisperConfig {
  if (isWhisper(config)) return config;
  throw new Bug(`a ${config.family} hears nothing`);
}

function isWhisper(config: ModelConfig): config is WhisperConfig {
  return config.family === 'whisper';
}

/** Of the class in transformers: a value missing in `config.json` is one of these. */
const defaults = {
  ...{ vocab_size: 51_865, d_model: 384, num_mel_bins: 80, layers: 4, heads: 6, ffn: 1536 },
  ...{ activation_function: 'gelu', max_source_positions: 1500, max_target_positions: 448 },
} as const;

const architectures = ['WhisperForConditionalGeneration', 'WhisperModel'];

export function readWhisperConfig(json: unknown, { path = 'config.json' }: ReadOptions = {}) {
  const fields = parseConfigFile(json, path);
  refuseOtherClasses(fields, architectures, path);
  const H = fields.d_model ?? defaults.d_model;
  const NH = alike(fields, 'attention_heads', defaults.heads, path);
  const encoderBlocks = fields.encoder_layers ?? defaults.layers;
  const D = headSize(H, NH, path);
  const config: WhisperConfig = {
    ...{ kind: 'speech', family: 'whisper', V: fields.vocab_size ?? defaults.vocab_size, H },
    ...{ L: encoderBlocks + (fields.decoder_layers ?? defaults.layers), encoderBlocks },
    ...{ NH, NK: NH, D, I: alike(fields, 'ffn_dim', defaults.ffn, path) },
    attentionScale: D ** -0.5,
    contextLength: fields.max_target_positions ?? defaults.max_target_positions,
    activation: activationOf(fields.activation_function ?? defaults.activation_function, path),
    // Of the class: no file says another.
    normEps: 1e-5,
    mels: fields.num_mel_bins ?? defaults.num_mel_bins,
    sourcePositions: fields.max_source_positions ?? defaults.max_source_positions,
    dropout: Math.max(
      ...[fields.dropout ?? 0, fields.attention_dropout ?? 0, fields.activation_dropout ?? 0],
      ...[fields.encoder_layerdrop ?? 0, fields.decoder_layerdrop ?? 0],
    ),
  };
  return config;
}

/** A size that both halves have. */
function alike(
  fields: ConfigFields,
  name: 'attention_heads' | 'ffn_dim',
  usual: number,
  path: string,
): number {
  const encoder = fields[`encoder_${name}`] ?? usual;
  const decoder = fields[`decoder_${name}`] ?? usual;
  if (encoder === decoder) return encoder;
  throw new UserError({
    code: 'E_UNKNOWN_ARCHITECTURE',
    path,
    value: decoder,
    message: `${path}: decoder_${name} is ${decoder}; it must be encoder_${name}, ${encoder}`,
  });
}
