// The reasons that a condition may have besides those of the table of failures: what is going on,
// not what went wrong. Each with what it means and what a person does about it, if anything.
import type { ConditionType } from './conditions.ts';

export interface ReasonMeaning {
  readonly meaning: string;
  /** Absent: nothing. */
  readonly remedy?: string;
}

const containerConfigError: ReasonMeaning = {
  meaning: 'A container cannot be made from what the pod names: a Secret, a key, a claim.',
  remedy: 'Make what the message names, in the namespace of the job.',
};

export const conditionReasons = {
  Validated: { Resolved: { meaning: 'Method, plan and sources are resolved.' } },
  Suspended: {
    SuspendedByUser: {
      meaning: '`spec.suspend` is true.',
      remedy: 'Set it to false when the job is to go on.',
    },
    Suspending: { meaning: 'Workers save and go, within `suspendTimeoutSeconds`.' },
    Resumed: { meaning: 'Workers may start.' },
  },
  QuotaReserved: {
    Admitted: { meaning: 'The queue let the pods start.' },
    Pending: {
      meaning: 'The queue has no room; its own words follow.',
      remedy: 'Wait, ask for less, or for a class of more priority.',
    },
    Preempted: { meaning: 'The queue gave the quota to another job. It costs no restart.' },
    QueueControllerMissing: {
      meaning: '`scheduling.queueName` is set and no Kueue is installed.',
      remedy: 'Install one, or leave the name out.',
    },
  },
  Initialized: {
    Ready: { meaning: 'Model and data are in place and verified.' },
    Preparing: { meaning: 'They are being fetched and made into tokens: `status.progress.stage`.' },
    Reused: {
      meaning: 'Another job of the namespace put the same in place; the workers look at it.',
    },
    WaitsForSibling: { meaning: 'Another job of the namespace is putting the same in place.' },
    InWorker: {
      meaning:
        'The pod of the only worker does it, in a container before it trains: nothing has to be fetched.',
    },
    NotShared: { meaning: 'Pods share no volume; each worker prepares for itself.' },
    Pending: { meaning: 'The pod that prepares does not run yet; the words of kubelet follow.' },
    ContainerConfigError: containerConfigError,
  },
  PodsReady: {
    AllReady: { meaning: 'All workers of the revision are ready.' },
    Pending: { meaning: 'Workers start, or there are none on purpose; the message says which.' },
    ContainerConfigError: containerConfigError,
  },
  Running: {
    Training: { meaning: 'A world is agreed on and trains.' },
    WaitingForMembers: { meaning: 'Workers are there and have not agreed on a world yet.' },
    Stopped: { meaning: 'Workers were stopped; another condition says why.' },
    Finished: { meaning: 'All steps are done.' },
    FinishedEarly: { meaning: 'The evaluation stopped getting better, as the job asked.' },
  },
  Restarting: {
    Restarted: { meaning: 'A world trains again.' },
    Start: { meaning: 'The workers of another revision form their first world.' },
    ProcessFailed: {
      meaning: 'A training process ended badly and starts again in its pod.',
      remedy: 'Read the event and the log of the worker if it repeats.',
    },
    PodFailed: {
      meaning: 'A worker pod ended badly.',
      remedy: 'Read the event and the log of the pod if it repeats.',
    },
    PodLost: { meaning: 'A pod was deleted, or its node is gone. It costs no restart.' },
    MemberUnreachable: {
      meaning: 'A worker told nothing for too long while its pod stayed.',
      remedy: 'Look at the network between its node and the bus if it repeats.',
    },
    Rollback: { meaning: 'Numbers were not finite; an earlier checkpoint is taken.' },
    OutOfMemory: { meaning: 'A device was full; the next world uses less memory.' },
    Disruption: { meaning: 'A pod was evicted, drained or preempted. It costs no restart.' },
    Resize: { meaning: 'A world of another size is formed.' },
    Requested: { meaning: 'Somebody asked for it, or a rule of the job ignores the failure.' },
  },
  Resizing: {
    ScaleUp: { meaning: 'More workers start; the others train on.' },
    ScaleDown: { meaning: 'Workers save, and some of them leave.' },
    Resized: { meaning: 'As many workers train as are wanted.' },
    Refused: {
      meaning: 'No new worker became ready in time; those that are there go on.',
      remedy: 'Free devices, then ask again with another value.',
    },
  },
  CheckpointReady: {
    Committed: { meaning: 'The checkpoint in `status.checkpoint` can be resumed.' },
    NeverSaved: { meaning: 'None was committed yet.' },
    NoDestination: {
      meaning:
        'Checkpoints have no destination that outlives the pods; a lost pod begins at step 0.',
      remedy: 'Set `spec.checkpoint.destination` or `spec.storage.data`.',
    },
  },
  Stalled: {
    Moving: { meaning: 'Nothing is in the way any more.' },
    GangTimeout: {
      meaning: 'No nodes for all workers within `schedulingTimeoutSeconds`; they are tried again.',
      remedy: 'Free devices, or ask for less.',
    },
    SuspendedElsewhere: {
      meaning: 'A Job of it is suspended, by nobody whom the job names.',
      remedy:
        'Set `scheduling.queueName` where a queue manages all Jobs of the namespace; else see who suspended the Job, and lift it.',
    },
    BackOff: { meaning: 'The next worker revision starts at the time in the message.' },
    NoSteps: {
      meaning: 'A world trains and told no step for twice `hangTimeoutSeconds`.',
      remedy: 'Read the logs of the workers; raise the time if steps are that long.',
    },
  },
  Degraded: {
    AsAsked: { meaning: 'The job runs as it was asked to.' },
    FewerWorkers: { meaning: 'Some workers are not ready while the world trains.' },
    DeviceExcluded: { meaning: 'A node is avoided because its device failed twice.' },
    Straggler: {
      meaning:
        'One worker is so slow that the others wait for it; the message names it and its node.',
      remedy:
        'Look at the clock, heat and other load of the node; cordon it and delete the pod to have it made elsewhere.',
    },
  },
  Published: {
    Uploaded: { meaning: 'The results are at the URIs in `status.artifacts`.' },
    InWorker: { meaning: 'The first worker writes them before it ends: an adapter to a claim.' },
    Publishing: { meaning: 'They are being made, read back and taken there.' },
    Pending: { meaning: 'The pod that publishes does not run yet; the words of kubelet follow.' },
    ContainerConfigError: containerConfigError,
  },
  Complete: {
    Finished: { meaning: 'All steps are done and the results are in place.' },
    FinishedEarly: { meaning: 'It stopped early as asked, and the results are in place.' },
  },
  Failed: {},
} as const satisfies Record<ConditionType, Readonly<Record<string, ReasonMeaning>>>;

export function isReasonOf(type: ConditionType, reason: string): boolean {
  return Object.hasOwn(conditionReasons[type], reason);
}
