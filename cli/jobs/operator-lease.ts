// Whether anybody acts on jobs: the lease that the leading operator renews every two seconds. It
// outlives the operator, so a lease that nobody renews says since when nobody acts.
import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import type { Kube } from '../client/kube.ts';
import { KubeError } from '../client/kube-error.ts';
import { leaseName } from '../client/system-pods.ts';
import { now } from '../process/clock.ts';
import type { CliConfig } from '../process/config.ts';

/** Whoever must hold the lease, and what is seen of it. */
export interface OperatorLease {
  /** Namespace and name. */
  readonly at: string;
  readonly state:
    | { readonly type: 'Renewed' }
    | { readonly type: 'Stale'; readonly since: Date }
    | { readonly type: 'Absent' }
    /** It may not be read, or nobody could be asked. */
    | { readonly type: 'Hidden' };
}

const lease = z.object({
  spec: z.object({
    holderIdentity: z.string().nullish(),
    renewTime: z.string().nullish(),
  }),
});

/** Thirty times what lies between two renewals. */
const staleMs = 60_000;
/** A clock of this machine that is so far ahead would not let anybody log in. */
const mostSkewMs = 600_000;
/** Long enough for two renewals. */
const confirmMs = 5_000;

export async function operatorLease(
  kube: Kube,
  { systemNamespace, release }: Pick<CliConfig, 'systemNamespace' | 'release'>,
  signal: AbortSignal,
): Promise<OperatorLease> {
  const name = leaseName(release);
  const at = `${systemNamespace}/${name}`;
  const path = `/apis/coordination.k8s.io/v1/namespaces/${systemNamespace}/leases/${name}`;
  const read = async () => renewedAt(await kube.send({ verb: 'GET', path }, signal));
  try {
    const first = await read();
    const ageMs = now().getTime() - first.getTime();
    if (ageMs < staleMs) return { at, state: { type: 'Renewed' } };
    if (ageMs < mostSkewMs) {
      // The clocks may differ; a lease that changes is renewed, whatever they show.
      await wait(confirmMs, undefined, { signal });
      if ((await read()).getTime() !== first.getTime()) return { at, state: { type: 'Renewed' } };
    }
    return { at, state: { type: 'Stale', since: first } };
  } catch (error) {
    signal.throwIfAborted();
    const isAbsent = error instanceof KubeError && error.status === 404;
    return { at, state: { type: isAbsent ? 'Absent' : 'Hidden' } };
  }
}

function renewedAt(object: unknown): Date {
  return new Date(lease.parse(object).spec.renewTime ?? 0);
}
