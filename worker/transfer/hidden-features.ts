// What the discriminator reads of a prompt: the mean of the base's hidden states before the head,
// over its tokens.
import { hiddenStates } from '../engine/forward.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { toArray } from '../tensor/tensor.ts';
import type { Features } from './discriminator.ts';
import type { OpenBase } from './open-base.ts';

/** Null for a prompt that the base cannot read whole. */
export function featuresOf(
  { model, prompts, context }: Pick<OpenBase, 'model' | 'prompts' | 'context'>,
  prompt: string,
): Features | null {
  const ids = prompts.plain(prompt);
  if (ids.length === 0 || ids.length > context) return null;
  return scope(
    () =>
      toArray(
        ops.meanDim(ops.to(hiddenStates(model, Int32Array.from(ids)), 'float64'), [0], false),
      ),
    model.device,
  );
}
