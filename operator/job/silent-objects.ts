// Children that make no progress and whose status does not say why: Jobs that lack pods, and pods
// that have a node and do not start. Only events tell the reason.
import type { ChildJob, Facts, PodFacts } from './facts.ts';

/** The Job controller makes pods within a moment where nothing refuses them. */
export const admissionMs = 30_000;
/**
 * Kubelet mounts volumes within a moment; an image that is pulled is told as such a moment later.
 */
export const startMs = 30_000;

/** UIDs, a few at most: of a thousand pods that wait, one tells as much as all. */
export function silentObjects(facts: Facts): readonly string[] {
  const { now, workers, inits, publishes, pods } = facts;
  const jobs = [...workers, ...inits, ...publishes]
    .filter((job) => lacksPods(job) && now >= silentSince(job, pods) + admissionMs)
    .map(({ uid }) => uid);
  const slow = pods
    .filter((pod) => isStarting(pod) && now >= startsSince(pod) + startMs)
    .toSorted((a, b) => startsSince(a) - startsSince(b))
    .slice(0, 1)
    .map(({ uid }) => uid);
  return [...jobs, ...slow];
}

export function lacksPods(job: ChildJob): boolean {
  const { outcome, suspended, isDeleting, active, terminating, parallelism } = job;
  const isAtWork = outcome === undefined && !suspended && !isDeleting;
  return isAtWork && active + terminating < parallelism;
}

/** Since its newest pod was made; where it has none, since it may make some. */
export function silentSince(job: ChildJob, pods: readonly PodFacts[]): number {
  const own = pods.filter(({ jobUid }) => jobUid === job.uid).map(({ createdAt }) => createdAt);
  return Math.max(job.startedAt ?? job.createdAt, ...own);
}

/** It has a node, and none of its containers has begun; what kubelet says itself needs no event. */
export function isStarting(pod: PodFacts): boolean {
  const { phase, scheduledAt, waiting, isDeleting, end, preparation } = pod;
  if (preparation?.type === 'Working') return false;
  const isQuiet = waiting === undefined || ordinaryReasons.has(waiting.reason);
  return phase === 'Pending' && scheduledAt !== undefined && isQuiet && !isDeleting && !end;
}

export function startsSince({ scheduledAt, createdAt }: PodFacts): number {
  return scheduledAt ?? createdAt;
}

export const ordinaryReasons: ReadonlySet<string> = new Set([
  'ContainerCreating',
  'PodInitializing',
]);
