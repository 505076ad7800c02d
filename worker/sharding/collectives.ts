// How the tensors of a flat parameter come to all ranks, and their gradients to those who keep
// them.
//
// A flat parameter that every rank keeps an equal share of is gathered and summed up share by
// share. One that a single rank keeps, as optimizers want that must see an embedding whole, would
// be as long for each rank then: it is sent by its owner instead.

import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ProcessGroup, Work } from './process-group.ts';

interface Sum {
  readonly work: Work;
  /**
   * What this rank keeps of the sum when the work is done; its own tensor, as long as `whole` at
   * most.
   */
  readonly share: Tensor;
}

export interface Collectives {
  /** Values of the whole flat parameter for shares of so many. */
  wholeOf(share: number): number;
  /** Values that this rank keeps of shares of so many. */
  shareOf(share: number): number;
  /** `whole` gets the flat parameter; both are bytes. */
  gather(whole: Tensor, share: Tensor): Work;
  /** Sums a whole flat parameter up over the ranks; `whole` is used up. */
  sum(whole: Tensor): Sum;
}

export function shardedCollectives(group: ProcessGroup): Collectives {
  return {
    wholeOf: (share) => group.size * share,
    shareOf: (share) => share,
    gather: (whole, share) => group.allGather(whole, share),
    sum(whole) {
      const share = ops.empty([whole.numel / group.size], { dtype: whole.dtype });
      return { share, work: group.reduceScatter(share, whole) };
    },
  };
}

export function singleOwnerCollectives(group: ProcessGroup, owner: number): Collectives {
  const keeps = group.rank === owner;
  return {
    wholeOf: (share) => share,
    shareOf: (share) => (keeps ? share : 0),
    gather(whole, share) {
      if (keeps) ops.copy_(whole, share);
      return group.broadcast(whole, owner);
    },
    sum(whole) {
      const work = group.allReduce(whole);
      return { work, share: ops.narrow(whole, 0, 0, keeps ? whole.numel : 0) };
    },
  };
}
