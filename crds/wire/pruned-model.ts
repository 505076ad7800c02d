// `pruning.json` in the folder of a pruned model: which model it was cut out of, and what of it was
// kept. Rows and columns of each module follow from the kept channels and heads of its block.
import * as z from 'zod';

export const pruningFile = 'pruning.json';

const size = z
  .int()
  .min(1)
  .max(2 ** 22);
const places = z
  .array(
    z
      .int()
      .min(0)
      .max(2 ** 22),
  )
  .min(1);

export const prunedModel = z.strictObject({
  version: z.literal(1),
  /** The whole model, as an adapter for it names it. */
  base: z.strictObject({ name: z.string().min(1).max(1000), digest: z.string().max(71) }),
  /** Its sizes, by the names of `config.json`. */
  full: z.strictObject({
    intermediate_size: size,
    num_attention_heads: size,
    num_key_value_heads: size,
    head_dim: size,
  }),
  /** Of each block: channels of its MLP and key/value heads, in rising order. */
  layers: z
    .array(z.strictObject({ channels: places, heads: places }))
    .min(1)
    .max(4096),
});

export type PrunedModel = z.output<typeof prunedModel>;
export type KeptPlaces = PrunedModel['layers'][number];
