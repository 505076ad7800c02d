// Refuses weights that are NaN or infinite: a conversion that overflowed, or a file damaged after
// its digest was computed. Training would only skip every step. The check is one pass over bytes
// that have to be read in any case.
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

/** Takes a tenth of the time of a norm, and cannot overflow. */
function hasFiniteEnds(weights: Tensor): boolean {
  const [least, greatest] = ops.aminmax(weights);
  // One NaN makes both ends NaN.
  return Number.isFinite(item(least)) && Number.isFinite(item(greatest));
}
