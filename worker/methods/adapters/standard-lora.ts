// LoRA as other adapters build on it: alpha / rank as scale, one learning rate for both matrices.
import * as ops from '../../tensor/ops.generated.ts';
import { type Adapter, factorA, factorB } from './adapter.ts';
import { type LoraSettings, lora } from './lora.ts';

export type StandardLora = Pick<
  LoraSettings,
  'rank' | 'alpha' | 'dropout' | 'targets' | 'seed' | 'dtype'
>;

export function standardLora(settings: StandardLora): ReturnType<typeof lora> {
  return lora({
    ...settings,
    ...{ scaling: 'Standard', learningRateRatio: 1, initialization: 'KaimingUniform' },
  });
}

/** Of what `decompose` gives as A and B, which the base gives up. */
export function loraTakingOver(
  settings: StandardLora,
  own: { readonly name: string; readonly readsGradient?: true } & Required<
    Pick<Adapter, 'decompose'>
  >,
): Adapter {
  const scale = settings.alpha / settings.rank;
  return {
    ...standardLora(settings),
    ...own,
    initialize: (_, initial) => ({
      trained: {
        [factorA]: ops.clone(initial(factorA)),
        [factorB]: ops.clone(initial(factorB)),
      },
    }),
    // Decay would pull what the base gave up to zero, and the weight with it.
    decays: () => false,
    takesOver: (_, initial) => ({ left: initial(factorB), right: initial(factorA), scale }),
  };
}
