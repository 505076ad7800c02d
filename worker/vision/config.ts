// `config.json` → one record of what a vision transformer computes. All other code depends on the
// record alone; confirm.ts checks it against the tensors.
import { Bug, UserError } from '../../crds/failures/errors.ts';
import {
  activationOf,
  headSize,
  labelsOf,
  type PlainActivation,
} from '../families/class-fields.ts';
import { refuseOtherClasses } from '../families/config-json.ts';
import type { ModelConfig, ReadOptions } from '../families/family.ts';
import { type ConfigFields, parseConfigFile } from './config-file.ts';
import { defaults, type VisionName, visionFamilies, visionNames } from './families.ts';

export interface VisionConfig extends ModelConfig {
  readonly kind: 'vision';
  readonly family: VisionName;
  /** Module path of what is not the head. */
  readonly root: string;
  readonly normEps: number;
  readonly activation: PlainActivation;
  /** Of a picture. */
  readonly channels: number;
  /** Pixels along the side of the pictures that the positions are made for. */
  readonly imageSize: number;
  /** Pixels along the side of a patch. */
  readonly patch: number;
  /** Patches along the side of the square that the positions are made for. */
  readonly side: number;
  /** Queries, keys and values have biases. */
  readonly qkvBias: boolean;
  /** Classes that the head tells apart. */
  readonly labels: number;
  /** Standard deviation of the weights of a head that is made. */
  readonly initialStd: number;
}

/** The record of a vision transformer, for what computes one. */
export function visionConfig(config: ModelConfig): VisionConfig {
  if (isVision(config)) return config;
  throw new Bug(`a ${config.family} reads no pictures`);
}

function isVision(config: ModelConfig): config is VisionConfig {
  return visionNames.some((name) => name === config.family);
}

/** Tokens are of no vocabulary: all of them have the id 0. */
const vocabulary = 1;

export function readVisionConfig(json: unknown, options: ReadOptions = {}): VisionConfig {
  const { path = 'config.json' } = options;
  const fields = parseConfigFile(json, path);
  const name = nameOf(fields, path);
  const family = visionFamilies[name];
  refuseOtherClasses(fields, family.architectures, path);
  const H = fields.hidden_size ?? defaults.hidden_size;
  const NH = fields.num_attention_heads ?? defaults.num_attention_heads;
  const D = headSize(H, NH, path);
  const patch = fields.patch_size ?? family.defaults.patch_size;
  const imageSize = fields.image_size ?? defaults.image_size;
  const side = sideOf(imageSize, patch, path);
  return {
    ...{ kind: 'vision', family: name, root: name, V: vocabulary },
    ...{ H, L: fields.num_hidden_layers ?? defaults.num_hidden_layers, NH, NK: NH, D },
    I: innerSize(name, H, fields),
    attentionScale: D ** -0.5,
    contextLength: family.prefix.length + side * side,
    normEps: fields.layer_norm_eps ?? family.defaults.layer_norm_eps,
    activation: activationOf(fields.hidden_act ?? defaults.hidden_act, path),
    channels: fields.num_channels ?? defaults.num_channels,
    ...{ imageSize, patch, side, qkvBias: fields.qkv_bias ?? true },
    labels: labelsOf(fields, options.labels, path),
    dropout: Math.max(
      fields.hidden_dropout_prob ?? 0,
      fields.attention_probs_dropout_prob ?? 0,
      fields.drop_path_rate ?? 0,
    ),
    initialStd: fields.initializer_range ?? defaults.initializer_range,
  };
}

function nameOf({ model_type: type }: ConfigFields, path: string): VisionName {
  const name = visionNames.find((each) => each === type);
  if (name !== undefined) return name;
  throw new UserError({
    code: 'E_UNKNOWN_ARCHITECTURE',
    path,
    value: type,
    message: `${path}: model_type is "${type}"; vision transformers that work are ${visionNames.join(', ')}`,
  });
}

/** Pixels behind the last whole patch are not read. */
function sideOf(image: number, patch: number, path: string): number {
  if (image >= patch) return Math.floor(image / patch);
  const message = `${path}: image_size is ${image}; it must be at least patch_size, ${patch}`;
  throw new UserError({ code: 'E_INVALID_MODEL', path, value: image, message });
}

/** DINOv2 says how many times larger than `H` it is. */
function innerSize(name: VisionName, H: number, fields: ConfigFields): number {
  if (name === 'dinov2') return H * (fields.mlp_ratio ?? defaults.mlp_ratio);
  return fields.intermediate_size ?? defaults.intermediate_size;
}
