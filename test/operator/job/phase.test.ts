import test from 'ava';
import type { ConditionType, Phase } from '../../../crds/api/conditions.ts';
import { phaseOf } from '../../../operator/job/phase.ts';
import { conditionsOf } from '../../builders/job-facts.ts';

const base = { Validated: 'Resolved', Initialized: 'Ready' } as const;
const table: readonly [Partial<Record<ConditionType, string>>, Phase][] = [
  [{}, 'Pending'],
  [{ Validated: '!NameConflict' }, 'Pending'],
  [{ Validated: 'Resolved' }, 'Initializing'],
  [base, 'Starting'],
  [{ ...base, QuotaReserved: '!Pending' }, 'Queued'],
  [{ ...base, QuotaReserved: 'Admitted' }, 'Starting'],
  [{ ...base, Stalled: 'BackOff' }, 'Queued'],
  [{ ...base, Stalled: 'NoSteps', Running: 'Training' }, 'Running'],
  [{ ...base, Running: 'Training' }, 'Running'],
  [{ ...base, Running: '!WaitingForMembers', Restarting: 'Hang' }, 'Restarting'],
  [{ ...base, Running: 'Training', Resizing: 'ScaleUp' }, 'Resizing'],
  [{ ...base, Running: 'Training', Suspended: '?Suspending' }, 'Suspending'],
  [{ ...base, Suspended: 'SuspendedByUser' }, 'Suspended'],
  [{ Suspended: 'SuspendedByUser' }, 'Suspended'],
  [{ ...base, Published: '!Publishing', Suspended: 'SuspendedByUser' }, 'Publishing'],
  [{ ...base, Published: 'Uploaded', Complete: 'Finished' }, 'Succeeded'],
  [{ ...base, Running: 'Training', Failed: 'NoProgress' }, 'Failed'],
];

for (const [conditions, phase] of table) {
  test(`the phase is ${phase} with ${JSON.stringify(conditions)}`, (t) => {
    t.is(phaseOf(conditionsOf(conditions)), phase);
  });
}
