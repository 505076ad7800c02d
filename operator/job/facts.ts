// Everything that a decision may look at, as plain data. Nothing in here is read lazily, so a
// decision can be repeated from a log.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { PackedJobStatus, PoolSpec } from '../../crds/api/training-pool.ts';
import type { DeviceKind } from '../../crds/devices/node-devices.ts';
import type { Component } from '../../crds/names/labels.ts';
import type {
  AckRecord,
  DesiredRecord,
  JobRecord,
  MemberRecord,
  StateRecord,
} from '../../crds/wire/state.ts';
import type { TerminationMessage } from '../../crds/wire/termination-message.ts';
import type { GangFlavour } from '../objects/pod-group.ts';
import type { PodSettings } from '../objects/settings.ts';
import type { Warning } from '../runtime/warnings.ts';
import type { Refusal } from './decision.ts';

export interface Facts {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly job: JobFacts;
  /** By component, each in the order of its numbers; those that are being deleted too. */
  readonly workers: readonly ChildJob[];
  readonly inits: readonly ChildJob[];
  readonly publishes: readonly ChildJob[];
  /**
   * Other jobs that put the same in place on the same claim, or have; asked only while the job's
   * own is not.
   */
  readonly siblings: readonly Sibling[];
  readonly pods: readonly PodFacts[];
  /**
   * Worker pods whose Job is gone: they end by themselves, or the garbage collector has yet to
   * come.
   */
  readonly leftPods: readonly PodFacts[];
  /** Names of the other children that are there, with what they were made to contain. */
  readonly children: readonly ChildFacts[];
  /** Policies of the namespace, which all its jobs share. */
  readonly shared: readonly ChildFacts[];
  /** Objects that have a name of ours and another owner: kind and name. */
  readonly foreign: readonly string[];
  readonly queue: QueueFacts | undefined;
  readonly bus: BusFacts;
  /** Absent where the job has pods of its own. */
  readonly pool?: JobPoolFacts | undefined;
  readonly site: SiteFacts;
  /** That nodes have; absent where the job asks for none, or nobody may look. */
  readonly devices?: readonly DeviceKind[] | undefined;
  /** What events say of children that should have moved by now, by the UID of the child. */
  readonly warnings?: ReadonlyMap<string, Warning> | undefined;
  /** Asked only where a pod that was deleted is kept; absent: not asked. */
  readonly namespaceIsDeleted?: boolean | undefined;
  /** What the cluster refused us at the last try of this generation of the spec, and why. */
  readonly refused?: Refusal | undefined;
}

export interface JobFacts {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  readonly createdAt: number;
  /** When its deletion was asked for. */
  readonly deletedAt: number | undefined;
  readonly hasFinalizer: boolean;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: FineTuneJobSpec | undefined;
  /** Why the spec cannot be read. */
  readonly problem: string;
  readonly status: FineTuneJobStatus;
}

/** A job of the namespace that asks for the same model and data on the same claim. */
export interface Sibling {
  readonly name: string;
  /** Name of its run, whose folder lies beside that of this job. */
  readonly run: string;
  /** What its pod told when all was in place; undefined: it is at it. */
  readonly done:
    | { readonly at: number; readonly prepared: TerminationMessage['prepared'] }
    | undefined;
}

/** A Job of the batch API that belongs to the job. */
export interface ChildJob {
  readonly name: string;
  readonly uid: string;
  /** Revision of workers; attempt of init and publish. */
  readonly number: number;
  readonly createdAt: number;
  readonly isDeleting: boolean;
  readonly suspended: boolean;
  readonly parallelism: number;
  readonly startedAt: number | undefined;
  readonly active: number;
  readonly ready: number;
  readonly failed: number;
  readonly terminating: number;
  readonly outcome: ChildOutcome | undefined;
  readonly planDigest: string;
  /** Its pods are held by a policy of the namespace. */
  readonly sharesPolicy: boolean;
  /** Of an init Job: what it was asked for. */
  readonly prepareDigest: string | undefined;
}

export interface ChildOutcome {
  readonly type: 'Complete' | 'Failed';
  readonly at: number;
  readonly reason: string;
  readonly message: string;
}

export interface PodFacts {
  readonly name: string;
  readonly uid: string;
  readonly component: Component;
  readonly jobUid: string;
  /** Revision or attempt of its Job. */
  readonly number: number;
  readonly index: number;
  readonly node: string | undefined;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';
  readonly ready: boolean;
  readonly createdAt: number;
  /** When it got a node. */
  readonly scheduledAt: number | undefined;
  /** Why it has no node, in the scheduler's words. */
  readonly unschedulable: string | undefined;
  readonly isDeleting: boolean;
  /** Evicted, drained, preempted: by whom. */
  readonly disruption: string | undefined;
  readonly nodeUnreachable: boolean;
  /** Why a container waits. */
  readonly waiting: { readonly reason: string; readonly message: string } | undefined;
  /**
   * The container before the worker's that puts model and data in place; absent before it has
   * begun, and of pods without one.
   */
  readonly preparation?: PodPreparation | undefined;
  readonly end: PodEnd | undefined;
}

export interface PodPreparation {
  readonly type: 'Working' | 'Done';
  readonly prepared: TerminationMessage['prepared'];
}

export interface PodEnd {
  readonly exitCode: number;
  /** Kubernetes' word: Error, OOMKilled, Evicted, … */
  readonly reason: string;
  readonly message: string;
  readonly finishedAt: number;
  readonly terminationMessage: TerminationMessage | undefined;
}

export interface ChildFacts {
  readonly kind: 'Service' | 'NetworkPolicy' | 'PodGroup';
  readonly name: string;
  readonly uid: string;
  readonly content: string | undefined;
}

/** What the queue says, where it may be asked. */
export interface QueueFacts {
  readonly workload: string;
  readonly reason: string;
  readonly message: string;
}

export type BusFacts =
  /** The site has none. */
  | { readonly type: 'Absent' }
  /** It does not answer, since then. */
  | { readonly type: 'Away'; readonly since: number }
  | {
      readonly type: 'Present';
      /** By which pods may speak of the job. */
      readonly admitted: JobRecord | undefined;
      readonly state: StateRecord | undefined;
      readonly desired: DesiredRecord | undefined;
      /** Of the current round, by index. */
      readonly members: ReadonlyMap<number, MemberRecord>;
      readonly acks: ReadonlyMap<number, AckRecord>;
      /** The last save for which there was no room, as the workers told it. */
      readonly unsaved?: { readonly step: number; readonly message: string } | undefined;
      /** A worker that is much slower than the others, as the workers told it last. */
      readonly straggling?: { readonly heardAt: number; readonly message: string } | undefined;
    };

export type JobPoolFacts =
  /** This site runs none. */
  | { readonly type: 'Off' }
  | { readonly type: 'Missing' }
  | {
      readonly type: 'There';
      /** Undefined where it cannot be read. */
      readonly spec: PoolSpec | undefined;
      /** Why its pod is not ready, where it is not. */
      readonly waits: string | undefined;
      readonly told: PackedJobStatus | undefined;
    };

export interface SiteFacts {
  readonly settings: PodSettings;
  /** Gang schedulers that the cluster offers. */
  readonly gangs: readonly GangFlavour[];
  readonly hasQueues: boolean;
  /** Whether the kind Adapter is defined: a chart may leave it out. */
  readonly hasAdapters: boolean;
  /** Rights that only some sites give. */
  readonly mayReplaceByForce: boolean;
  readonly mayCreateClaims: boolean;
  readonly mayDeleteJobs: boolean;
  /**
   * Jobs that ask for what pods of this version do not do are refused; false only where policies
   * are tested beyond that.
   */
  readonly refusesNotBuilt: boolean;
}
