// Weights that are no numbers: a conversion that overflowed, a file that was damaged after its
// digest was made. They train without a word, since every loss is then skipped or NaN, so they are
// named where they are loaded: one pass over bytes that have to be read in any case.
import { UserError } from '../../crds/failures/errors.ts';
import * as ops from '../tensor/ops.generated.ts';
import { scope } from '../tensor/scope.ts';
import { item, type Tensor } from '../tensor/tensor.ts';

export function requireFinite(name: string, weights: Tensor): void {
  if (scope(() => hasFiniteEnds(weights))) return;
  const all = weights.shape.reduce((product, size) => product * size, 1);
  const finite = scope(() => item(ops.sum(ops.isfinite(weights))));
  throw new UserError({
    code: 'E_INVALID_MODEL',
    message: `${name} has values that are not finite: ${all - finite} of ${all} are NaN or infinite`,
  });
}

/** A tenth of the time of a norm, and nothing is added up that could overflow. */
function hasFiniteEnds(weights: Tensor): boolean {
  const [least, greatest] = ops.aminmax(weights);
  // One NaN makes both of them NaN.
  return Number.isFinite(item(least)) && Number.isFinite(item(greatest));
}
