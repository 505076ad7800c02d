// `config.json` → one record of what the encoder computes. All other code depends on the record
// alone; confirm.ts checks it against the tensors.
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
import { type EncoderName, encoderFamilies, encoderNames } from './families.ts';

export interface EncoderConfig extends ModelConfig {
  readonly kind: 'encoder';
  readonly family: EncoderName;
  /** Module path of what is not the head. */
  readonly root: string;
  readonly normEps: number;
  readonly activation: PlainActivation;
  /** Rows of the table of segments: in a pair of texts, the second has its own. */
  readonly segments: number;
  /** Rows of the table of positions. */
  readonly positions: number;
  /** Row of the first token of a document. */
  readonly firstPosition: number;
  /** Classes that the head tells apart. */
  readonly labels: number;
  /** Standard deviation of the weights of a head that is made. */
  readonly initialStd: number;
}

/** The record of an encoder, for what computes one. */
export function encoderConfig(config: ModelConfig): EncoderConfig {
  if (isEncoder(config)) return config;
  throw new Bug(`a ${config.family} is no encoder`);
}

function isEncoder(config: ModelConfig): config is EncoderConfig {
  return encoderNames.some((name) => name === config.family);
}

export function readEncoderConfig(json: unknown, options: ReadOptions = {}): EncoderConfig {
  const { path = 'config.json' } = options;
  const fields = parseConfigFile(json, path);
  const name = nameOf(fields, path);
  const { architectures, defaults, positionsBehindPadding } = encoderFamilies[name];
  refuseOtherClasses(fields, architectures, path);
  const H = fields.hidden_size ?? defaults.hidden_size;
  const NH = fields.num_attention_heads ?? defaults.num_attention_heads;
  const D = headSize(H, NH, path);
  const positions = fields.max_position_embeddings ?? defaults.max_position_embeddings;
  const padding = fields.pad_token_id ?? defaults.pad_token_id;
  const firstPosition = positionsBehindPadding ? padding + 1 : 0;
  if (firstPosition >= positions) {
    const message = `${path}: max_position_embeddings is ${positions}; positions begin at ${firstPosition}, behind pad_token_id`;
    throw new UserError({ code: 'E_INVALID_MODEL', path, value: positions, message });
  }
  return {
    kind: 'encoder',
    family: name,
    root: name,
    V: fields.vocab_size ?? defaults.vocab_size,
    ...{ H, L: fields.num_hidden_layers ?? defaults.num_hidden_layers, NH, NK: NH, D },
    I: fields.intermediate_size ?? defaults.intermediate_size,
    attentionScale: D ** -0.5,
    contextLength: positions - firstPosition,
    normEps: fields.layer_norm_eps ?? defaults.layer_norm_eps,
    activation: activationOf(fields.hidden_act ?? defaults.hidden_act, path),
    segments: fields.type_vocab_size ?? defaults.type_vocab_size,
    ...{ positions, firstPosition },
    labels: labelsOf(fields, options.labels, path),
    dropout: Math.max(
      fields.hidden_dropout_prob ?? 0,
      fields.attention_probs_dropout_prob ?? 0,
      fields.classifier_dropout ?? 0,
    ),
    initialStd: fields.initializer_range ?? defaults.initializer_range,
  };
}

function nameOf({ model_type: type }: ConfigFields, path: string): EncoderName {
  const name = encoderNames.find((each) => each === type);
  if (name !== undefined) return name;
  throw new UserError({
    code: 'E_UNKNOWN_ARCHITECTURE',
    path,
    value: type,
    message: `${path}: model_type is "${type}"; encoders that work are ${encoderNames.join(', ')}`,
  });
}
