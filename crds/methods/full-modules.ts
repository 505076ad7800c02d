// Modules outside the blocks that train whole beside an adapter, as PEFT's `modules_to_save` has
// them: for new tokens, or for a task whose outputs are unlike those of pretraining.
import * as z from 'zod';

export const fullModules = z
  .array(z.enum(['embed_tokens', 'lm_head', 'norm']))
  .max(3)
  .optional()
  .describe(
    'Modules outside the blocks that train whole beside the adapter. None when absent. PEFTAdapter has them as modules_to_save.',
  );

export type FullModule = NonNullable<z.output<typeof fullModules>>[number];

/** The tensors of a decoder, by their modules. */
export const fullModuleTensors: Readonly<Record<FullModule, string>> = {
  embed_tokens: 'model.embed_tokens.weight',
  lm_head: 'lm_head.weight',
  norm: 'model.norm.weight',
};
