// Leader election by a Lease, with the times of controller-runtime. Other replicas' clocks are
// never compared with ours: a lease is stale when *we* saw no change of it for its whole length.
// Losing it aborts the signal that everything runs under.
import * as z from 'zod';
import type { Clock } from '../../crds/clock.ts';
import { isAlreadyExists, isStatus } from './api-error.ts';
import type { Address, KubeClient, Manifest } from './client.ts';
import type { Random } from './random.ts';
import { pathOf } from './resource.ts';

interface LeaseFacts {
  /** A client of its own: behind the requests of the reconcilers a renewal would come too late. */
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly lease: Address;
  /** Differs between replicas and between restarts. */
  readonly identity: string;
  readonly times?: LeaseTimes;
  readonly tell: (event: LeaseEvent) => void;
}

interface LeaseTimes {
  readonly durationMs: number;
  /** Without a renewal for so long, a leader gives up: before another may begin. */
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
}

export type LeaseEvent =
  | { readonly type: 'Acquired' }
  | { readonly type: 'Lost'; readonly error: unknown }
  | { readonly type: 'Released' }
  | { readonly type: 'Waiting'; readonly holder: string }
  | { readonly type: 'Unanswered'; readonly error: unknown };

export const leaseTimes: LeaseTimes = {
  durationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryMs: 2_000,
};

const leaseResource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  read: (raw: unknown) => leaseObject.parse(raw),
};

const leaseObject = z.object({
  metadata: z.object({ resourceVersion: z.string(), uid: z.string() }),
  spec: z
    .object({
      holderIdentity: z.string().nullish(),
      acquireTime: z.string().nullish(),
      leaseTransitions: z.int().nullish(),
    })
    .default({}),
});

type LeaseObject = z.output<typeof leaseObject>;

export class LeaderElection {
  readonly #facts: LeaseFacts;
  readonly #times: LeaseTimes;
  /** The last state of the lease and when we first saw it. */
  #observed: { readonly version: string; readonly at: number } | undefined;
  #told: string | undefined;
  #leading = false;

  constructor(facts: LeaseFacts) {
    this.#facts = facts;
    this.#times = facts.times ?? leaseTimes;
  }

  get isLeader(): boolean {
    return this.#leading;
  }

  /**
   * Waits for the lease, runs `body` under a signal that is aborted when the lease is lost, and
   * starts over once `body` has settled. Ends when `signal` is aborted, after giving the lease
   * back.
   */
  async run(body: (leading: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#acquire(signal);
      if (signal.aborted) return;
      const lost = new AbortController();
      const leading = AbortSignal.any([signal, lost.signal]);
      this.#leading = true;
      this.#facts.tell({ type: 'Acquired' });
      const work = body(leading);
      const error = await this.#renew(signal);
      this.#leading = false;
      if (!signal.aborted) this.#facts.tell({ type: 'Lost', error });
      lost.abort(error);
      await work;
      if (signal.aborted) await this.#release();
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    const { clock, random, tell } = this.#facts;
    const { retryMs } = this.#times;
    while (!signal.aborted) {
      try {
        if (await this.#try(signal)) return;
      } catch (error) {
        if (signal.aborted) return;
        tell({ type: 'Unanswered', error });
      }
      await clock.sleep(retryMs * (1 + 0.2 * random()), signal).catch(() => undefined);
    }
  }

  /** Returns why the lease is lost; undefined when the signal ended it. */
  async #renew(signal: AbortSignal): Promise<unknown> {
    const { clock } = this.#facts;
    const { renewDeadlineMs, retryMs } = this.#times;
    let renewedAt = clock.monotonic();
    let lastError: unknown = new Error('another replica took the lease');
    while (!signal.aborted) {
      await clock.sleep(retryMs, signal).catch(() => undefined);
      if (signal.aborted) return undefined;
      const left = renewDeadlineMs - (clock.monotonic() - renewedAt);
      if (left <= 0) return lastError;
      try {
        // An attempt may take as long as is left, not longer: a hanging call must not outlive the
        // lease. A timeout takes whole milliseconds; the clock counts in fractions.
        const deadline = AbortSignal.any([signal, AbortSignal.timeout(Math.floor(left))]);
        if (!(await this.#try(deadline))) return new Error('another replica took the lease');
        renewedAt = clock.monotonic();
      } catch (error) {
        lastError = error;
        if (clock.monotonic() - renewedAt >= renewDeadlineMs) return lastError;
      }
    }
    return undefined;
  }

  /** One attempt to get or keep the lease. */
  async #try(signal: AbortSignal): Promise<boolean> {
    const { client, identity, lease, clock } = this.#facts;
    let found: LeaseObject;
    try {
      found = await client.get(leaseResource, lease, signal);
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
      return this.#create(signal);
    }
    const holder = found.spec.holderIdentity ?? '';
    const version = found.metadata.resourceVersion;
    if (this.#observed?.version !== version) this.#observed = { version, at: clock.monotonic() };
    const silent = clock.monotonic() - this.#observed.at >= this.#times.durationMs;
    if (holder !== identity && holder !== '' && !silent) {
      if (this.#told !== holder) this.#facts.tell({ type: 'Waiting', holder });
      this.#told = holder;
      return false;
    }
    try {
      await this.#put(this.#manifest(identity, found), signal);
      this.#told = undefined;
      return true;
    } catch (error) {
      if (isStatus(error, 409)) return false; // somebody was faster
      throw error;
    }
  }

  async #create(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#facts.client.create(
        leaseResource,
        this.#manifest(this.#facts.identity, undefined),
        signal,
      );
      return true;
    } catch (error) {
      if (isAlreadyExists(error)) return false;
      throw error;
    }
  }

  /** An update with the resourceVersion that we read: of two replicas one gets a conflict. */
  async #put(manifest: Manifest, signal: AbortSignal): Promise<void> {
    const raw = await this.#facts.client.transport.send(
      { verb: 'PUT', path: pathOf(leaseResource, this.#facts.lease), body: manifest },
      signal,
    );
    const version = leaseObject.parse(raw).metadata.resourceVersion;
    this.#observed = { version, at: this.#facts.clock.monotonic() };
  }

  #manifest(holder: string, found: LeaseObject | undefined): Manifest {
    const { lease, clock } = this.#facts;
    const now = microTime(clock.now());
    const same = found?.spec.holderIdentity === holder;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...lease,
        ...(found === undefined ? {} : { resourceVersion: found.metadata.resourceVersion }),
      },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: Math.ceil(this.#times.durationMs / 1000),
        acquireTime: same ? (found.spec.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: (found?.spec.leaseTransitions ?? 0) + (same || !found ? 0 : 1),
      },
    };
  }

  /** So that another replica need not wait for the lease to become stale. */
  async #release(): Promise<void> {
    const { client, identity, lease, tell } = this.#facts;
    const signal = AbortSignal.timeout(this.#times.retryMs);
    try {
      const found = await client.get(leaseResource, lease, signal);
      if (found.spec.holderIdentity !== identity) return;
      await this.#put(this.#manifest('', found), signal);
      tell({ type: 'Released' });
    } catch (error) {
      tell({ type: 'Unanswered', error }); // it becomes stale by itself
    }
  }
}

/** `metav1.MicroTime`. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
