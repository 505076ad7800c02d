// What the status of a job does not contain: whether an operator acts on it, and why Kubernetes
// refuses its pods.
import type { Kube } from '../client/kube.ts';
import { now } from '../process/clock.ts';
import type { CliConfig } from '../process/config.ts';
import type { Job } from './job.ts';
import { type OperatorLease, operatorLease } from './operator-lease.ts';
import { type RefusedPods, refusedPods } from './refused-pods.ts';

export interface Surroundings {
  readonly now: Date;
  readonly operator: OperatorLease;
  readonly refused: RefusedPods | undefined;
}

/** A user with fewer permissions gets less; the status of the job is shown in any case. */
export async function surroundingsOf(
  { kube, config }: { readonly kube: Kube; readonly config: CliConfig },
  job: Job,
  signal: AbortSignal,
): Promise<Surroundings> {
  const unlessForbidden = (): undefined => {
    signal.throwIfAborted();
    return undefined;
  };
  const [operator, refused] = await Promise.all([
    operatorLease(kube, config, signal),
    refusedPods(kube, job, signal).catch(unlessForbidden),
  ]);
  return { now: now(), operator, refused };
}
