// `config.json` → one record of what the diffusion transformer computes. All other code depends on
// the record alone. Peebles & Xie 2023 (DiT).
import { Bug, UserError } from '../../crds/failures/errors.ts';
import type { ModelConfig, ReadOptions } from '../families/family.ts';
import { parseConfigFile } from './config-file.ts';
import { type PictureShape, patchesOf } from './patches.ts';

export interface DiffusionConfig extends ModelConfig, PictureShape {
  readonly kind: 'diffusion';
  readonly family: 'dit';
  /** Classes of pictures; the table of labels has one row more, for a picture of any class. */
  readonly labels: number;
  /** Whether the model gives as many values again, a variance that is not trained here. */
  readonly hasVariance: boolean;
  /** Whether queries, keys and values have biases. */
  readonly attentionBias: boolean;
  /** Of the norm before the MLP; all others have 1e-6. */
  readonly mlpNormEps: number;
}

/** The record of a diffusion transformer, for what computes one. */
export function diffusionConfig(config: ModelConfig): DiffusionConfig {
  if (isDiffusion(config)) return config;
  throw new Bug(`a ${config.family} is no diffusion transformer`);
}

function isDiffusion(config: ModelConfig): config is DiffusionConfig {
  return config.kind === 'diffusion';
}

/** Throws a UserError for a file of another model, and for sizes that do not fit together. */
export function readDiffusionConfig(json: unknown, options: ReadOptions = {}): DiffusionConfig {
  const { path = 'config.json' } = options;
  const fields = parseConfigFile(json, path);
  const { num_attention_heads: NH, attention_head_dim: D } = fields;
  const { in_channels: channels, sample_size: side, patch_size: patch } = fields;
  const H = NH * D;
  const outputs = fields.out_channels ?? channels;
  const labels = fields.num_embeds_ada_norm;
  const refuse = (value: unknown, message: string): never => {
    throw new UserError({ code: 'E_INVALID_MODEL', path, value, message: `${path}: ${message}` });
  };
  if (side % patch !== 0) {
    refuse(side, `sample_size is ${side}; it must be a multiple of patch_size, ${patch}`);
  }
  if (H % 4 !== 0) {
    refuse(
      H,
      `num_attention_heads * attention_head_dim is ${H}; it must be a multiple of 4, for sines and cosines of rows and columns`,
    );
  }
  if (outputs !== channels && outputs !== 2 * channels) {
    refuse(
      outputs,
      `out_channels is ${outputs}; it must be in_channels, ${channels}, or twice that`,
    );
  }
  if (options.labels !== undefined && options.labels !== labels) {
    refuse(labels, `num_embeds_ada_norm is ${labels}; the data have ${options.labels} classes`);
  }
  return {
    ...{ kind: 'diffusion', family: 'dit', V: labels + 1 },
    ...{ H, L: fields.num_layers, NH, NK: NH, D, I: 4 * H, attentionScale: D ** -0.5 },
    contextLength: patchesOf({ side, patch }),
    ...{ channels, side, patch, labels, hasVariance: outputs !== channels },
    ...{ attentionBias: fields.attention_bias, mlpNormEps: fields.norm_eps },
  };
}
