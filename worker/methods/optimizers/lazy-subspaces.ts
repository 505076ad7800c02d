// The bases of Q-GaLore: 4 bits, refreshed rarely.
//
// N smaller side · R rank. State of a matrix: the transposed basis `[R, N]` in 4 bits with a scale
// and a zero for each group; the first direction in float32; gap and cosines (subspace-control.ts).
// Projection into the subspace and back both use the 4-bit basis.
import { Bug } from '../../../crds/failures/errors.ts';
import * as ops from '../../tensor/ops.generated.ts';
import { scope } from '../../tensor/scope.ts';
import { item, type Tensor, tensor, toArray } from '../../tensor/tensor.ts';
import { codeNearest, decodeHalves, groupOf, packHalves } from '../weights/affine-groups.ts';
import { choices, type Subspaces } from './galore.ts';
import type { OptimizerState } from './optimizer.ts';
import { topSubspace } from './subspace.ts';
import {
  chosen,
  firstControl,
  fromNumbers,
  isDue,
  type LazySettings,
  toNumbers,
} from './subspace-control.ts';

/** `find` computes a basis from a gradient. */
export function lazySubspaces(settings: LazySettings, find = topSubspace): Subspaces {
  const since = choices();
  return {
    key: 'basis_codes',
    initialize: (smaller, rank) => initialize(settings, smaller, rank),
    isDue: (state, updates) => isDue(fromNumbers(toArray(keptOf(state).control)), updates),
    kept: (state, dtype) => basisOf(keptOf(state), dtype),
    choose(gradient, state) {
      const kept = keptOf(state);
      scope(() => choose(settings, kept, find(gradient, kept.basis_scales.shape[0] ?? 0)));
      since.add();
    },
    takeChosen: since.take,
  };
}

function initialize(settings: LazySettings, smaller: number, rank: number): OptimizerState {
  const groups = [rank, smaller / groupOf(smaller)];
  const first = toNumbers(firstControl(settings), settings.queueSize);
  return {
    basis_codes: ops.zeros([Math.ceil((rank * smaller) / 2)], { dtype: 'uint8' }),
    basis_scales: ops.zeros(groups, { dtype: 'float32' }),
    basis_zeros: ops.zeros(groups, { dtype: 'uint8' }),
    direction: ops.zeros([smaller], { dtype: 'float32' }),
    control: onHost(first),
  };
}

type Kept = Readonly<
  Record<'basis_codes' | 'basis_scales' | 'basis_zeros' | 'direction' | 'control', Tensor>
>;

function choose(settings: LazySettings, kept: Kept, found: Tensor): void {
  const turned = ops.contiguous(ops.t(ops.to(found, 'float32')));
  const direction = ops.select(turned, 0, 0);
  const before = fromNumbers(toArray(kept.control));
  const isFirst = before.choices === 0;
  const cosine = isFirst ? null : item(ops.sum(ops.mul(kept.direction, direction)));
  const next = chosen(before, cosine, settings);
  const { codes, scales, zeros } = codeNearest(turned, 4);
  ops.copy_(kept.basis_codes, packHalves(codes));
  ops.copy_(kept.basis_scales, scales);
  ops.copy_(kept.basis_zeros, zeros);
  ops.copy_(kept.direction, direction);
  const numbers = toNumbers(next, settings.queueSize);
  ops.copy_(kept.control, onHost(numbers));
}

/** Read before each step, so no device is waited for. */
function onHost(numbers: readonly number[]): Tensor {
  return scope(() => tensor(numbers, [numbers.length], 'float64'), 'cpu');
}

/** `[N, R]` in the requested type. */
function basisOf(kept: Kept, dtype: Tensor['dtype']): Tensor {
  return scope(() => {
    const { basis_codes: codes, basis_scales: scales, basis_zeros: zeros } = kept;
    const type = dtype === 'bfloat16' ? dtype : 'float32';
    const turned = decodeHalves({ codes, scales, zeros }, kept.direction.numel, type);
    return ops.to(ops.t(turned), dtype);
  });
}

function keptOf(state: OptimizerState): Kept {
  const { basis_codes, basis_scales, basis_zeros, direction, control } = state;
  if (!basis_codes || !basis_scales || !basis_zeros || !direction || !control) {
    throw new Bug('a lazy subspace has no state');
  }
  return { basis_codes, basis_scales, basis_zeros, direction, control };
}
