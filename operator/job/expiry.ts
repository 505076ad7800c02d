// After the end: pods that still run are stopped, the queue gets its quota back, and the job is
// deleted at the end of its time to live. Nothing is created any more.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { Call, Decision } from './decision.ts';
import type { ChildJob, Facts } from './facts.ts';
import { removeJob } from './finalise.ts';
import { later } from './view.ts';

export function expire(facts: Facts): Decision {
  const { job, now, site } = facts;
  const { spec, status } = job;
  if (spec === undefined) return { status, calls: [], events: [], wakeAt: undefined };
  const calls = cleanup(facts, spec);
  // Without the right to delete jobs, the time to live is for somebody else to keep.
  const ttl = site.mayDeleteJobs ? spec.ttlSecondsAfterFinished : undefined;
  const ended = status.completionTime === undefined ? now : Date.parse(status.completionTime);
  const due = ttl === undefined ? undefined : later(ttl, ended);
  if (due !== undefined && now >= due) {
    return { status, calls: [...calls, { type: 'DeleteSelf' }], events: [], wakeAt: undefined };
  }
  return { status, calls, events: [], wakeAt: due };
}

function cleanup({ workers, inits, publishes }: Facts, spec: FineTuneJobSpec): readonly Call[] {
  const jobs = [...workers, ...inits, ...publishes].filter(({ isDeleting }) => !isDeleting);
  switch (spec.podCleanupPolicy) {
    case 'None':
      return [];
    case 'All':
      return jobs.map(({ name, uid }) => removeJob(name, uid));
    case 'Running':
      return jobs.filter(stillRuns).map((each) => stop(each, spec));
    default:
      return spec.podCleanupPolicy satisfies never;
  }
}

/**
 * Whether pods of it run, or would come. Once it wants none, those that still end are on their way.
 */
function stillRuns({ outcome, parallelism, active, suspended }: ChildJob): boolean {
  return outcome === undefined && parallelism > 0 && !(suspended && active === 0);
}

/**
 * Ends running pods and keeps ended ones, with their logs. A queue would start them again: there
 * the Job is deleted.
 */
function stop({ name, uid, suspended }: ChildJob, { scheduling }: FineTuneJobSpec): Call {
  const { queueName, auxiliaryQueueName } = scheduling;
  const isQueued = queueName !== undefined || auxiliaryQueueName !== undefined;
  if (isQueued || suspended) return removeJob(name, uid);
  return { type: 'Resize', name, uid, parallelism: 0, completions: undefined };
}
