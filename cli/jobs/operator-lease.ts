// Whether an operator acts on jobs: the leading operator renews a lease every two seconds. The
// lease outlives the operator, so its last renewal tells since when no operator acts.
import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod';
import type { Kube } from '../client/kube.ts';
import { KubeError } from '../client/kube-error.ts';
import { leaseName } from '../client/system-pods.ts';
import { now } from '../process/clock.ts';
import type { CliConfig } from '../process/config.ts';

/** The lease of the operator, and what is seen of it. */
export interface OperatorLease {
  /** Namespace and name. */
  readonly at: string;
  readonly state:
    | { readonly type: 'Renewed' }
    | { readonly type: 'Stale'; readonly since: Date }
    | { readonly type: 'Absent' }
    /** The lease may not be read, or the API server did not answer. */
    | { readonly type: 'Hidden' };
}

const lease = z.object({
  spec: z.object({
    holderIdentity: z.string().nullish(),
    renewTime: z.string().nullish(),
  }),
});

/** Thirty renewal intervals. */
const staleMs = 60_000;
/** With a larger clock skew on this machine no login would work. */
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
      // The clocks may differ; a lease that changes is being renewed, whatever they show.
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
