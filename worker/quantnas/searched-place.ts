// A place of a network that is searched: all operations of the space in all widths, weighted by the
// softmax of the place's alphas. Shvetsov et al. 2022 (QuantNAS).
//
//   y = sum over operations o and widths b of P(o, b) o(x in b, weight in b)
//
// Operations that are one convolution are computed as one, by the weighted sum of their kernels, so
// the cost of a place does not grow with their number. It reads its input in the mixture of widths
// whose weights are those of all operations together. An operation of two convolutions has its own.
import { type PictureSize, patchesOf } from '../nn/convolution.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { choicesOf, kernelsOf, type Operation, type SearchSpace, type Width } from './space.ts';
import { type Rounded, roundedInput, roundedWeight } from './surrogate.ts';
import { wideKernel } from './wide-kernel.ts';

interface Place {
  readonly path: string;
  readonly space: SearchSpace;
  readonly size: PictureSize;
  readonly rounded: Rounded;
  weight(name: string): Tensor;
}

/** `x [T, H]` → `[T, H]` */
export function searchedPlace(x: Tensor, place: Place): Tensor {
  const { path, space, size, weight } = place;
  const { operations, bits } = space;
  const P = ops.softmax(weight(`${path}.alphas`), 0);
  const table = ops.view(P, [operations.length, bits.length]);
  const read = mixedInput(x, ops.sumDim(table, [0]), path, place);
  const [plain, chains] = [(own: Operation) => kernelsOf(own).length === 1, ops.unbind(table, 0)];
  const kernel = Math.max(...operations.filter(plain).map((own) => kernelsOf(own)[0]?.kernel ?? 1));
  const columns = choicesOf(space).flatMap(({ operation, bits: width }) => {
    if (!plain(operation)) return [];
    const [own = { kernel: 1, groups: 1 }] = kernelsOf(operation);
    const name = `${path}.${operation}.0`;
    const rounded = roundedWeight(weight(`${name}.weight`), width, name, place.rounded);
    return [wideKernel(rounded, own, kernel)];
  });
  const sums = operations.flatMap((operation, o) => {
    const shares = chains[o];
    if (plain(operation) || shares === undefined) return [];
    return [chained(read, shares, operation, place)];
  });
  if (columns.length > 0) {
    const shares = ops.cat(operations.flatMap((own, o) => (plain(own) ? (chains[o] ?? []) : [])));
    const mixed = weighted(columns, shares);
    sums.push(ops.linear(patchesOf(read, { ...size, kernel }), mixed));
  }
  return sums.reduce((sum, one) => ops.add(sum, one));
}

/** Two convolutions with half-wave rounding between them; `shares [widths]` of the place's P. */
function chained(x: Tensor, shares: Tensor, operation: Operation, place: Place): Tensor {
  const { path, size, space, weight, rounded } = place;
  const among = ops.div(shares, ops.sum(shares));
  const kernels = kernelsOf(operation);
  return kernels.reduce((stream, { kernel }, i) => {
    const name = `${path}.${operation}.${i}`;
    const read = i === 0 ? stream : mixedInput(stream, among, name, place);
    const own = space.bits.map((width) =>
      roundedWeight(weight(`${name}.weight`), width, name, rounded),
    );
    const mixed = weighted(own, i === kernels.length - 1 ? shares : among);
    return ops.linear(patchesOf(read, { ...size, kernel }), mixed);
  }, x);
}

/** `shares [widths]` */
function mixedInput(x: Tensor, shares: Tensor, path: string, { space, rounded }: Place): Tensor {
  const own = space.bits.map((width: Width) => roundedInput(x, width, path, rounded));
  return weighted(own, shares);
}

/**
 * The sum of tensors of one shape, each times its share, as a product: its gradients are sums that
 * have the same bits for any number of threads.
 */
function weighted(all: readonly Tensor[], shares: Tensor): Tensor {
  const [first] = all;
  if (first === undefined) throw new RangeError('a sum of nothing');
  const columns = ops.view(ops.stack(all, -1), [-1, all.length]);
  return ops.view(ops.linear(ops.unsqueeze(shares, 0), columns), first.shape);
}
