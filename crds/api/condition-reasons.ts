// Condition reasons that are not failures (those are in the table of failures): each with its
// meaning, and with a remedy where the user can act.
import type { ConditionType } from './conditions.ts';

export interface ReasonMeaning {
  readonly meaning: string;
  /** Absent: no action is needed. */
  readonly remedy?: string;
}

const containerConfigError: ReasonMeaning = {
  meaning: 'A container cannot be created: a Secret, key or claim that the pod names is missing.',
  remedy: 'Create what the message names, in the namespace of the job.',
};

export const conditionReasons = {
  Validated: { Resolved: { meaning: 'Method, plan and sources are resolved.' } },
  Suspended: {
    SuspendedByUser: {
      meaning: '`spec.suspend` is true.',
      remedy: 'Set it to false to resume the job.',
    },
    Suspending: { meaning: 'Workers save and stop, within `suspendTimeoutSeconds`.' },
    Resumed: { meaning: 'Workers may start.' },
  },
  QuotaReserved: {
    Admitted: { meaning: 'The queue admitted the pods.' },
    Pending: {
      meaning: 'The queue has no quota left; its message follows.',
      remedy: 'Wait, request less, or use a class of higher priority.',
    },
    NoPoolCapacity: {
      meaning: 'Its pool has no place or no memory left; the message says which.',
      remedy: 'Wait, or raise `jobs` or the memory of the TrainingPool.',
    },
    Preempted: {
      meaning: 'The queue preempted the job for another one. This is not counted as a restart.',
    },
    QueueControllerMissing: {
      meaning: '`scheduling.queueName` is set but Kueue is not installed.',
      remedy: 'Install Kueue, or remove the name.',
    },
  },
  Initialized: {
    Ready: { meaning: 'Model and data are fetched, prepared and verified.' },
    Preparing: { meaning: 'They are being fetched and tokenised: `status.progress.stage`.' },
    Reused: {
      meaning: 'Another job of the namespace has prepared the same; the workers verify it.',
    },
    WaitsForSibling: { meaning: 'Another job of the namespace is preparing the same.' },
    InWorker: {
      meaning:
        'The pod of the only worker prepares in an init container: nothing has to be fetched.',
    },
    NotShared: { meaning: 'The pods share no volume; each worker prepares by itself.' },
    Pending: {
      meaning: 'The pod that prepares does not run yet; the message of the kubelet follows.',
    },
    ContainerConfigError: containerConfigError,
  },
  PodsReady: {
    AllReady: { meaning: 'All workers of the revision are ready.' },
    Pending: { meaning: 'Workers start, or the job has none now; the message says which.' },
    ContainerConfigError: containerConfigError,
  },
  Running: {
    Training: { meaning: 'The rendezvous is complete and the workers train.' },
    WaitingForMembers: { meaning: 'Workers exist, but the rendezvous is not complete.' },
    WaitsForPool: { meaning: 'The pod of its TrainingPool has yet to attach it.' },
    Stopped: { meaning: 'Workers were stopped; another condition says why.' },
    Finished: { meaning: 'All steps are done.' },
    FinishedEarly: { meaning: 'Early stopping: the evaluation no longer improved.' },
  },
  Restarting: {
    Restarted: { meaning: 'The workers train again.' },
    Start: { meaning: 'The workers of a new revision start their first rendezvous.' },
    ProcessFailed: {
      meaning: 'A trainer failed and restarts in its pod.',
      remedy: 'Read the event and the log of the worker if it repeats.',
    },
    PodFailed: {
      meaning: 'A worker pod failed.',
      remedy: 'Read the event and the log of the pod if it repeats.',
    },
    PodLost: {
      meaning: 'A pod was deleted, or its node is lost. This is not counted as a restart.',
    },
    MemberUnreachable: {
      meaning: 'A worker sent no heartbeat for too long while its pod existed.',
      remedy: 'Check the network between its node and the bus if it repeats.',
    },
    Rollback: {
      meaning: 'Loss or gradients were not finite; training returns to an earlier checkpoint.',
    },
    OutOfMemory: { meaning: 'A device ran out of memory; the next round uses less.' },
    Disruption: {
      meaning: 'A pod was evicted, drained or preempted. This is not counted as a restart.',
    },
    Resize: { meaning: 'The number of workers changes.' },
    Requested: { meaning: 'It was requested, or a rule of the job ignores the failure.' },
  },
  Resizing: {
    ScaleUp: { meaning: 'More workers start; the others continue training.' },
    ScaleDown: { meaning: 'Workers save, and some of them stop.' },
    Resized: { meaning: 'The requested number of workers trains.' },
    Refused: {
      meaning: 'No new worker became ready in time; the existing ones continue.',
      remedy: 'Free devices, then set another value.',
    },
  },
  CheckpointReady: {
    Committed: { meaning: 'The checkpoint in `status.checkpoint` can be resumed.' },
    NeverSaved: { meaning: 'No checkpoint is committed yet.' },
    NoDestination: {
      meaning:
        'No destination of checkpoints outlives the pods; after the loss of a pod training starts at step 0.',
      remedy: 'Set `spec.checkpoint.destination` or `spec.storage.data`.',
    },
  },
  Stalled: {
    Moving: { meaning: 'The job makes progress again.' },
    GangTimeout: {
      meaning: 'No nodes for all workers within `schedulingTimeoutSeconds`; scheduling is retried.',
      remedy: 'Free devices, or request less.',
    },
    SuspendedElsewhere: {
      meaning: 'Another controller, which the job does not name, suspended a Job of it.',
      remedy:
        'Set `scheduling.queueName` where a queue manages all Jobs of the namespace; otherwise find out what suspended the Job, and resume it.',
    },
    BackOff: { meaning: 'The next revision of the workers starts at the time in the message.' },
    NoSteps: {
      meaning: 'The workers reported no step for twice `hangTimeoutSeconds`.',
      remedy: 'Read the logs of the workers; raise the limit if steps take that long.',
    },
  },
  Degraded: {
    AsAsked: { meaning: 'The job runs as specified.' },
    FewerWorkers: { meaning: 'Training continues, but some workers are not ready.' },
    DeviceExcluded: { meaning: 'A node is avoided because a device of it failed twice.' },
    Straggler: {
      meaning:
        'One worker is so slow that the others wait for it; the message names it and its node.',
      remedy:
        'Check clock rate, temperature and load of the node; cordon it and delete the pod to move the worker.',
    },
  },
  Published: {
    Uploaded: { meaning: 'The results are at the locations in `status.artifacts`.' },
    UploadedWithWarning: {
      meaning:
        'The results are at the locations in `status.artifacts`, and the evaluation of one of them warns.',
      remedy: 'Read its evaluation in the report of the run, `report.json` beside the results.',
    },
    InWorker: { meaning: 'The first worker writes the adapter to a claim before it ends.' },
    Publishing: { meaning: 'The results are being written, read back and uploaded.' },
    Recording: {
      meaning:
        'The results are in place; the cluster refused the Adapter object that tells of them.',
      remedy: 'Read the message of `Stalled`; the job ends as soon as the object is taken.',
    },
    Pending: {
      meaning: 'The pod that publishes does not run yet; the message of the kubelet follows.',
    },
    ContainerConfigError: containerConfigError,
  },
  Complete: {
    Finished: { meaning: 'All steps are done and the results are published.' },
    FinishedEarly: { meaning: 'Training stopped early, and the results are published.' },
  },
  Failed: {},
} as const satisfies Record<ConditionType, Readonly<Record<string, ReasonMeaning>>>;

export function isReasonOf(type: ConditionType, reason: string): boolean {
  return Object.hasOwn(conditionReasons[type], reason);
}
