// The collectives of one flat parameter: gathering its values on all ranks, and summing its
// gradients for the ranks that own them.
//
// An evenly sharded flat parameter is all-gathered and reduce-scattered. One with a single owner,
// for optimizers that need the complete embedding, is broadcast by that rank instead: in an
// all-gather every rank's shard would be as long as the owner's.

import * as ops from '../tensor/ops.generated.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ProcessGroup, Work } from './process-group.ts';

interface Sum {
  readonly work: Work;
  /**
   * This rank's shard of the sum once the work is done; its own tensor, at most as long as `whole`.
   */
  readonly share: Tensor;
}

export interface Collectives {
  /** Length of the complete flat parameter, for `share` values a rank. */
  completeSize(share: number): number;
  /** Length of this rank's shard, for `share` values a rank. */
  shardSize(share: number): number;
  /** Fills `whole` with the complete flat parameter; both tensors are bytes. */
  gather(whole: Tensor, share: Tensor): Work;
  /** Sums a complete flat parameter over the ranks; overwrites `whole`. */
  sum(whole: Tensor): Sum;
}

export function shardedCollectives(group: ProcessGroup): Collectives {
  return {
    completeSize: (share) => group.size * share,
    shardSize: (share) => share,
    gather: (whole, share) => group.allGather(whole, share),
    sum(whole) {
      const share = ops.empty([whole.numel / group.size], { dtype: whole.dtype });
      return { share, work: group.reduceScatter(share, whole) };
    },
  };
}

export function singleOwnerCollectives(group: ProcessGroup, owner: number): Collectives {
  const isOwner = group.rank === owner;
  return {
    completeSize: (share) => share,
    shardSize: (share) => (isOwner ? share : 0),
    gather(whole, share) {
      if (isOwner) ops.copy_(whole, share);
      return group.broadcast(whole, owner);
    },
    sum(whole) {
      const work = group.allReduce(whole);
      return { work, share: ops.narrow(whole, 0, 0, isOwner ? whole.numel : 0) };
    },
  };
}
