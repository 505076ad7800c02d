// The reasons that a condition may have besides those of the table of failures: what is going on, not what went wrong.
import type { ConditionType } from './conditions.ts';

export const conditionReasons = {
  Validated: ['Resolved'],
  Suspended: ['SuspendedByUser', 'Suspending', 'Resumed'],
  QuotaReserved: ['Admitted', 'Pending', 'Preempted', 'QueueControllerMissing'],
  Initialized: ['Ready', 'Preparing', 'NotShared', 'Pending', 'ContainerConfigError'],
  PodsReady: ['AllReady', 'Pending', 'ContainerConfigError'],
  Running: ['Training', 'WaitingForMembers', 'Stopped', 'Finished', 'FinishedEarly'],
  Restarting: [
    'Restarted',
    'Start',
    'ProcessFailed',
    'PodFailed',
    'PodLost',
    'MemberUnreachable',
    'Rollback',
    'OutOfMemory',
    'Disruption',
    'Resize',
    'Requested',
  ],
  Resizing: ['ScaleUp', 'ScaleDown', 'Resized', 'Refused'],
  CheckpointReady: ['Committed', 'NeverSaved', 'NoDestination'],
  Stalled: ['Moving', 'GangTimeout', 'BackOff', 'NoSteps'],
  Degraded: ['AsAsked', 'FewerWorkers', 'DeviceExcluded'],
  Published: ['Uploaded', 'Publishing', 'Pending', 'ContainerConfigError'],
  Complete: ['Finished', 'FinishedEarly'],
  Failed: [],
} as const satisfies Record<ConditionType, readonly string[]>;

export function isReasonOf(type: ConditionType, reason: string): boolean {
  const own: readonly string[] = conditionReasons[type];
  return own.includes(reason);
}
