// A group of processes that train one model: collectives over tensors, and which ranks are missing
// after a failure. Tensors of the host travel by Gloo, those of devices by NCCL where all ranks
// can, else by Gloo through memory of the host. Results have the same bits either way.
//
// A collective is begun and waited for later; meanwhile the caller computes. All ranks begin the
// same collectives in the same order. After a failure the group is unusable: leave it, and join
// another under a new name.
import { TerminalError, TransientError } from '../../crds/failures/errors.ts';
import type { Device } from '../tensor/device.ts';
import { native } from '../tensor/native.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { NcclUse } from './nccl-use.ts';

export interface GroupPlan {
  /** Unique among all groups of the store: the job and its rendezvous round. */
  readonly name: string;
  readonly rank: number;
  readonly size: number;
  /** Rank 0 serves the store here; the other ranks find each other through it. */
  readonly store: { readonly host: string; readonly port: number };
  /** Address of this machine for the other ranks. */
  readonly address: string;
  /** A rank that does not answer a collective for so long is lost. */
  readonly timeoutMs: number;
  /** On which this rank computes. @default cpu */
  readonly device?: Device;
  /** @default Auto */
  readonly nccl?: NcclUse;
  /** How long the remaining ranks look for each other after a failure, to name the missing ones. */
  readonly probeMs?: number;
}

/** How tensors of devices travel: by this version of NCCL, or through the host, and why. */
export type DeviceExchange =
  | { readonly by: 'NCCL'; readonly version: string }
  | { readonly by: 'Gloo'; readonly why: string };

/** A collective in progress. */
export interface Work {
  /**
   * Blocks this thread until it is done; the device alone waits for what NCCL moves. Throws
   * `TransientError` (`E_PEER_LOST`) with the missing ranks when one is lost.
   */
  wait(): void;
}

const usualProbeMs = 2_000;

/** Gloo names the file of its sources in which a connection failed; of NCCL we say it ourselves. */
const ofTransport = /gloo\/transport\/|^NCCL /;

export class ProcessGroup implements Disposable {
  readonly rank: number;
  readonly size: number;
  /** Undefined where this rank computes on a processor. */
  readonly deviceExchange: DeviceExchange | undefined;
  readonly #group: number;
  readonly #plan: GroupPlan;
  #failure: TransientError | undefined;

  /** Blocks until all ranks are connected; throws `E_PEER_LOST` after the timeout. */
  static join(plan: GroupPlan): ProcessGroup {
    const group = new ProcessGroup(plan, joined(plan));
    const { deviceExchange } = group;
    if (plan.nccl !== 'Required' || deviceExchange?.by !== 'Gloo') return group;
    group.leave();
    throw new TerminalError({
      code: 'E_DEVICE_UNFIT',
      message: `USE_NCCL is 1, and the devices cannot exchange by NCCL: ${deviceExchange.why}`,
      hint: 'unset USE_NCCL to exchange through memory of the host',
    });
  }

  private constructor(plan: GroupPlan, { group, nccl, whyNot }: Joined) {
    const { device = 'cpu' } = plan;
    const by = nccl === '' ? ({ by: 'Gloo', why: whyNot } as const) : undefined;
    this.deviceExchange = device === 'cpu' ? undefined : (by ?? { by: 'NCCL', version: nccl });
    this.rank = plan.rank;
    this.size = plan.size;
    this.#plan = plan;
    this.#group = group;
  }

  /** Sums over all ranks, in place. */
  allReduce(tensor: Tensor): Work {
    return this.#begin('all-reduce', () => native.groupAllReduce(this.#group, tensor.handle));
  }

  /** `output [size × n, …]` gets the `input [n, …]` of every rank, in rank order. */
  allGather(output: Tensor, input: Tensor): Work {
    return this.#begin('all-gather', () =>
      native.groupAllGather(this.#group, output.handle, input.handle),
    );
  }

  /** `output [n, …]` gets this rank's shard of the sum of all `input [size × n, …]`. */
  reduceScatter(output: Tensor, input: Tensor): Work {
    return this.#begin('reduce-scatter', () =>
      native.groupReduceScatter(this.#group, output.handle, input.handle),
    );
  }

  /** `tensor` gets the values of rank `root`. */
  broadcast(tensor: Tensor, root: number): Work {
    return this.#begin('broadcast', () => native.groupBroadcast(this.#group, tensor.handle, root));
  }

  /** Blocks until every rank has called it. */
  barrier(): void {
    this.#begin('barrier', () => native.groupBarrier(this.#group)).wait();
  }

  /** Closes the connections: collectives in progress, here or at other ranks, fail. */
  leave(): void {
    native.groupLeave(this.#group);
  }

  [Symbol.dispose](): void {
    this.leave();
  }

  /**
   * An error in beginning a collective is the caller's mistake and passes as it is, unless it is
   * about a connection: some collectives send as soon as they begin.
   */
  #begin(collective: string, begin: () => number): Work {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      const work = begin();
      return { wait: () => this.#wait(collective, work) };
    } catch (error) {
      if (!(error instanceof Error) || !ofTransport.test(error.message)) throw error;
      this.#failure = this.#failureOf(collective, error);
      throw this.#failure;
    }
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

  /** Neither tells for sure which rank failed; the remaining ranks find out by probing. */
  #failureOf(collective: string, cause: unknown): TransientError {
    const { name, timeoutMs } = this.#plan;
    const missing = this.#missing();
    const who =
      missing.length === 0
        ? `${brokenBy(cause)}, although every rank still answers`
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

type Joined = ReturnType<typeof native.groupJoin>;

function joined(plan: GroupPlan): Joined {
  const { name, rank, size, store, timeoutMs, address, device = 'cpu', nccl } = plan;
  const wanted = nccl !== 'Never';
  try {
    const { host, port } = store;
    return native.groupJoin(name, rank, size, host, port, timeoutMs, address, device, wanted);
  } catch (error) {
    throw notJoined(plan, error);
  }
}

/** NCCL says in a sentence what it met; Gloo does not. */
function brokenBy(cause: unknown): string {
  const said = cause instanceof Error && cause.message.startsWith('NCCL ') ? cause.message : '';
  return said === '' ? 'a connection broke' : said;
}

function notJoined({ name, rank, size, timeoutMs }: GroupPlan, cause: unknown): TransientError {
  const limit = `within ${timeoutMs / 1000} s`;
  const message = `rank ${rank} of ${size} could not join the group ${name} ${limit}`;
  return new TransientError({ code: 'E_PEER_LOST', message, cause });
}
