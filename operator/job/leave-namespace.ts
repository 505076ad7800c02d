// A namespace that is being deleted. Kubernetes deletes its pods first, and all else when they are
// gone; the Job controller keeps the last pod of an index until a replacement exists, and no pod
// can be created in there. Each would wait for the other for ever. So the Jobs are deleted, which
// releases their pods; the job itself is deleted with the namespace.
import type { PolicyResult } from './decision.ts';
import type { Facts } from './facts.ts';
import { removeJob } from './finalise.ts';
import type { View } from './view.ts';

/** The Job controller needs that long to replace a pod where nothing is in the way. */
const replacedWithinMs = 5_000;
const lookAgainMs = 10_000;

/**
 * When to ask whether the namespace is being deleted: some time after a deleted pod has ended and
 * is still kept. Undefined where there is no such pod.
 */
export function keptPodsSince({ pods }: Pick<Facts, 'pods'>): number | undefined {
  const ends = pods.flatMap(({ end, isDeleting }) => (end && isDeleting ? [end.finishedAt] : []));
  return ends.length === 0 ? undefined : Math.min(...ends) + replacedWithinMs;
}

export function leaveNamespace({ facts }: View): PolicyResult {
  const { namespaceIsDeleted, workers, inits, publishes, now } = facts;
  if (namespaceIsDeleted === true) {
    const left = [...workers, ...inits, ...publishes].filter(({ isDeleting }) => !isDeleting);
    return { calls: left.map(({ name, uid }) => removeJob(name, uid)), final: true };
  }
  const since = keptPodsSince(facts);
  if (since === undefined) return {};
  return { wakeAt: since > now ? since : now + lookAgainMs };
}
