// Parses an untrusted `config.json` of diffusers' DiTTransformer2DModel: the fields that decide
// what is computed. Fields without effect on training are dropped silently.
import { z } from 'zod';
import { UserError } from '../../crds/failures/errors.ts';
import {
  count,
  type Fields,
  fieldsOf,
  finite,
  parseFields,
  positive,
  refuseDropout,
} from '../families/config-json.ts';

/** What diffusers writes as `_class_name`. */
export const className = 'DiTTransformer2DModel';

const configFields = z.object({
  num_attention_heads: count(65_536).default(16),
  attention_head_dim: count(65_536).default(72),
  in_channels: count(4096).default(4),
  out_channels: count(8192).nullish(),
  num_layers: count(4096).default(28),
  dropout: finite.nullish(),
  attention_bias: z.boolean().default(true),
  sample_size: count(65_536).default(32),
  patch_size: count(4096).default(2),
  num_embeds_ada_norm: count(2 ** 24).default(1000),
  norm_eps: positive.default(1e-5),
});
type ConfigFields = z.output<typeof configFields>;

/** Fields that must have one value, which is that of a file without them. */
const fixed: Readonly<Record<string, unknown>> = {
  activation_fn: 'gelu-approximate',
  norm_type: 'ada_norm_zero',
  norm_elementwise_affine: false,
};

export function parseConfigFile(json: unknown, path: string): ConfigFields {
  const fields = fieldsOf(json, path);
  refuseOtherMathematics(fields, path);
  const parsed = parseFields(configFields, fields, path);
  refuseDropout({ dropout: parsed.dropout }, path);
  return parsed;
}

function refuseOtherMathematics(fields: Fields, path: string): void {
  for (const [key, value] of Object.entries(fixed)) {
    const found = fields[key] ?? value;
    if (found === value) continue;
    const shown = typeof found === 'object' ? 'an object' : JSON.stringify(found);
    throw new UserError({
      code: 'E_UNKNOWN_ARCHITECTURE',
      path,
      value: found,
      message: `${path}: ${key} is ${shown}; a diffusion transformer has ${JSON.stringify(value)} here`,
    });
  }
}
