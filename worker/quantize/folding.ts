// What the division of a layer's inputs by factors makes of what makes them (smoothing-places.ts).
import { Bug } from '../../crds/failures/errors.ts';
import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { foldedNorm, largestOfHeads, spreadToHeads } from './rescale.ts';
import type { Producer } from './smoothing-places.ts';

interface Folded {
  /** What the inputs are divided by, `[I]`. */
  readonly columns: Tensor;
  /** What rows of another layer are divided by, `[O]`. */
  readonly rows: { readonly path: string; readonly by: Tensor } | null;
  /** Norms and biases as they are then, by name. */
  readonly vectors: readonly (readonly [name: string, value: Tensor])[];
  /** Whether inputs are divided where they are read, since nothing linear makes them. */
  readonly isRead: boolean;
}

/** Norms and biases as they are now, in the type of the model; null where there is none. */
type Current = (name: string) => Tensor | null;

interface Folding {
  /** The factors nearest to some that can be folded. */
  allowed(wanted: Tensor): Tensor;
  /** By factors that need not be allowed yet. */
  fold(wanted: Tensor): Folded;
}

/** `rowsOf`: how many rows a layer has. */
export function foldingInto(
  producer: Producer,
  current: Current,
  rowsOf: (path: string) => number,
): Folding {
  const none = { rows: null, vectors: [], isRead: false };
  switch (producer.type) {
    case 'Norm': {
      const norm = current(producer.name) ?? missing(producer.name);
      const folded = (wanted: Tensor) => foldedNorm(norm, wanted, producer.offset);
      return {
        allowed: (wanted) => folded(wanted).factors,
        fold(wanted) {
          const { norm: divided, factors } = folded(wanted);
          return { ...none, columns: factors, vectors: [[producer.name, divided]] };
        },
      };
    }
    case 'Modulation':
      return intoModulation(producer, current);
    case 'Rows':
    case 'Heads': {
      const { path, first } = producer;
      const heads = producer.type === 'Heads' ? producer.heads : null;
      const own = (wanted: Tensor) => (heads ? largestOfHeads(wanted, heads) : wanted);
      const spread = (of: Tensor) => (heads ? spreadToHeads(of, heads) : of);
      return {
        allowed: (wanted) => spread(own(wanted)),
        fold(wanted) {
          const factors = own(wanted);
          const by = ops.ones([rowsOf(path)], { dtype: factors.dtype });
          ops.copy_(ops.narrow(by, 0, first, factors.numel), factors);
          return {
            ...{ columns: spread(factors), rows: { path, by }, isRead: false },
            vectors: dividedBias(`${path}.bias`, current, by),
          };
        },
      };
    }
    case 'Nothing':
      return {
        allowed: (wanted) => wanted,
        fold: (columns) => ({ ...none, columns, isRead: true }),
      };
  }
}

/** What the bias of g is off by, because of its type, is in the factors, as of a norm. */
function intoModulation(
  { path, shift, scale }: Extract<Producer, { type: 'Modulation' }>,
  current: Current,
): Folding {
  const name = `${path}.bias`;
  const bias = current(name) ?? missing(name);
  const part = (first: number, like: Tensor) => ops.narrow(bias, 0, first, like.numel);
  const folded = (wanted: Tensor) => foldedNorm(part(scale, wanted), wanted, 1);
  return {
    allowed: (wanted) => folded(wanted).factors,
    fold(wanted) {
      const { norm, factors } = folded(wanted);
      const by = ops.ones([bias.numel], { dtype: factors.dtype });
      for (const first of [shift, scale]) {
        ops.copy_(ops.narrow(by, 0, first, factors.numel), factors);
      }
      const own = ops.clone(bias);
      const shifts = ops.div(ops.to(part(shift, factors), factors.dtype), factors);
      ops.copy_(ops.narrow(own, 0, shift, factors.numel), shifts);
      ops.copy_(ops.narrow(own, 0, scale, factors.numel), norm);
      return { columns: factors, rows: { path, by }, vectors: [[name, own]], isRead: false };
    },
  };
}

function dividedBias(name: string, current: Current, by: Tensor): Folded['vectors'] {
  const bias = current(name);
  if (bias === null) return [];
  return [[name, ops.to(ops.div(ops.to(bias, by.dtype), by), bias.dtype)]];
}

function missing(name: string): never {
  throw new Bug(`factors are folded into ${name}, which the model has not`);
}
