// A group of processes that train one model: collectives over tensors, and what is known when one
// of them fails. gloo on the processor.
//
// A collective is begun and, later, waited for; between the two the caller computes. All ranks
// begin the same collectives in the same order. After a failure the group is of no use: leave it,
// and join another under another name.
import { TransientError } from '../../crds/failures/errors.ts';
import { native } from '../tensor/native.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface GroupPlan {
  /** No two groups that one store has ever seen have the same: the job and its generation. */
  readonly name: string;
  readonly rank: number;
  readonly size: number;
  /** Where rank 0 serves the store by which the ranks find each other. */
  readonly store: { readonly host: string; readonly port: number };
  /** Of this machine, as the others reach it. */
  readonly address: string;
  /** Of a collective: a rank that is silent for so long is taken for lost. */
  readonly timeoutMs: number;
  /**
   * How long the ranks that are left look for each other after a failure, to say who is missing.
   */
  readonly probeMs?: number;
}

/** A collective under way. */
export interface Work {
  /**
   * Blocks this thread until it is done. Throws `TransientError` (`E_PEER_LOST`) when a rank is
   * gone, with those that are missing.
   */
  wait(): void;
}

const usualProbeMs = 2_000;

export class ProcessGroup implements Disposable {
  readonly rank: number;
  readonly size: number;
  readonly #group: number;
  readonly #plan: GroupPlan;
  #failure: TransientError | undefined;

  /**
   * Blocks until all ranks are connected; throws `E_PEER_LOST` when they are not within the
   * timeout.
   */
  static join(plan: GroupPlan): ProcessGroup {
    const { name, rank, size, store, timeoutMs, address } = plan;
    try {
      const { host, port } = store;
      const group = native.groupJoin(name, rank, size, host, port, timeoutMs, address);
      return new ProcessGroup(plan, group);
    } catch (error) {
      throw notJoined(plan, error);
    }
  }

  private constructor(plan: GroupPlan, group: number) {
    this.rank = plan.rank;
    this.size = plan.size;
    this.#plan = plan;
    this.#group = group;
  }

  /** The sum over all ranks, in place. */
  allReduce(tensor: Tensor): Work {
    return this.#begin('all-reduce', () => native.groupAllReduce(this.#group, tensor.handle));
  }

  /** `output` [size × n, …] gets the `input` [n, …] of each rank, in their order. */
  allGather(output: Tensor, input: Tensor): Work {
    return this.#begin('all-gather', () =>
      native.groupAllGather(this.#group, output.handle, input.handle),
    );
  }

  /** `output` [n, …] gets this rank's part of the sum of all `input` [size × n, …]. */
  reduceScatter(output: Tensor, input: Tensor): Work {
    return this.#begin('reduce-scatter', () =>
      native.groupReduceScatter(this.#group, output.handle, input.handle),
    );
  }

  /** `tensor` becomes that of the rank `root`. */
  broadcast(tensor: Tensor, root: number): Work {
    return this.#begin('broadcast', () => native.groupBroadcast(this.#group, tensor.handle, root));
  }

  /** Blocks until every rank is here. */
  barrier(): void {
    this.#begin('barrier', () => native.groupBarrier(this.#group)).wait();
  }

  /** Closes the connections: what is under way, here or at another rank, ends with an error. */
  leave(): void {
    native.groupLeave(this.#group);
  }

  [Symbol.dispose](): void {
    this.leave();
  }

  /** What cannot be begun is a mistake of the caller, not a loss: its error comes as it is. */
  #begin(collective: string, begin: () => number): Work {
    if (this.#failure !== undefined) throw this.#failure;
    const work = begin();
    return { wait: () => this.#wait(collective, work) };
  }

  #wait(collective: string, work: number): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      native.workWait(work);
    } catch (error) {
      this.#failure = this.#failureOf(collective, error);
      throw this.#failure;
    }
  }

  /** Whoever failed is not told by gloo; those that are left find out by who still answers. */
  #failureOf(collective: string, cause: unknown): TransientError {
    const { name, timeoutMs } = this.#plan;
    const missing = this.#missing();
    const who =
      missing.length === 0
        ? 'a connection broke, although every rank still answers'
        : `${missing.length === 1 ? 'rank' : 'ranks'} ${missing.join(', ')} did not answer`;
    const message = `the ${collective} of the group ${name} failed: ${who} (limit ${timeoutMs / 1000} s)`;
    return new TransientError({ code: 'E_PEER_LOST', message, cause });
  }

  #missing(): readonly number[] {
    try {
      return native.groupMissing(this.#group, this.#plan.probeMs ?? usualProbeMs);
    } catch {
      return [0]; // it serves the store
    }
  }
}

function notJoined({ name, rank, size, timeoutMs }: GroupPlan, cause: unknown): TransientError {
  const limit = `within ${timeoutMs / 1000} s`;
  const message = `rank ${rank} of ${size} could not join the group ${name} ${limit}`;
  return new TransientError({ code: 'E_PEER_LOST', message, cause });
}
