// A namespace that is being deleted. Kubernetes deletes its pods, and all else when they are gone; the Job controller keeps the last pod of
// an index until another is in its place, and no other can be made in there. Each would wait for the other for ever, with the job in between.
// So its Jobs are deleted, which lets their pods go; the job itself is deleted by whoever deletes the namespace.
import type { PolicyResult } from './decision.ts';
import type { Facts } from './facts.ts';
import { removeJob } from './finalise.ts';
import type { View } from './view.ts';

/** The Job controller needs that long to replace a pod where nothing is in the way. */
const replacedWithinMs = 5_000;
const lookAgainMs = 10_000;

/** Whether a pod that was deleted has ended and is kept: time to ask whether the namespace is being deleted, or the time when it will be. */
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
