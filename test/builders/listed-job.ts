// A job as commands see it: for tests that need one and not its source.
import type { Job } from '../../cli/jobs/job.ts';
import { aSpec, type Changes } from './job.ts';

export interface JobAsked extends Partial<Omit<Job, 'spec'>> {
  readonly spec?: Changes;
}

export function aListedJob({ spec = {}, ...asked }: JobAsked = {}): Job {
  return {
    ...{ namespace: 'team-a', name: 'first', uid: '0a1b2c3d', createdAt: '2026-01-01T00:00:00Z' },
    ...{ deleting: false, labels: {}, status: {}, object: {} },
    ...asked,
    spec: aSpec(spec),
  };
}

/** A condition that holds. */
export function holds(type: string, reason: string, message: string) {
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  return { type, status: 'True' as const, reason, message, lastTransitionTime };
}
