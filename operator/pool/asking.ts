// Which jobs ask a pool to train them now, as the list of the pool tells them. Pure.

import { controllerName } from '../../crds/names/group.ts';
import { splitLive } from '../../crds/plan/live.ts';
import type { ObservedFineTuneJob } from '../job/observed/fine-tune-job.ts';
import { writePlan } from '../job/plan.ts';
import { conditionOf, isTrue } from '../runtime/conditions.ts';
import type { PackedJob } from './decide.ts';

/** The oldest first: those that trained go on training when others come. */
export function askingOf(jobs: readonly ObservedFineTuneJob[]): readonly PackedJob[] {
  return jobs.filter(isAsking).toSorted(byAge).flatMap(packedJob);
}

function isAsking({ metadata, managedBy, spec, status, generation }: ObservedFineTuneJob): boolean {
  const conditions = status.conditions ?? [];
  const running = conditionOf(conditions, 'Running');
  const hasTrained = running?.reason === 'Finished' || running?.reason === 'FinishedEarly';
  return (
    managedBy === controllerName &&
    metadata.deletionTimestamp === undefined &&
    spec?.packing !== undefined &&
    !spec.suspend &&
    status.observedGeneration === generation &&
    isTrue(conditions, 'Validated') &&
    isTrue(conditions, 'Initialized') &&
    !isTrue(conditions, 'Complete') &&
    !isTrue(conditions, 'Failed') &&
    !hasTrained
  );
}

function packedJob({ metadata, spec }: ObservedFineTuneJob): readonly PackedJob[] {
  if (spec === undefined) return [];
  const { name, namespace, uid } = metadata;
  const { text, digest } = writePlan({ name, namespace, uid, spec });
  return [{ name, uid, plan: text, planDigest: digest, live: splitLive(spec).live }];
}

function byAge({ metadata: a }: ObservedFineTuneJob, { metadata: b }: ObservedFineTuneJob): number {
  const [first, second] = [a.creationTimestamp, b.creationTimestamp];
  return first.localeCompare(second) || a.name.localeCompare(b.name);
}
