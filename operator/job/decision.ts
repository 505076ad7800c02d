// What a decision is made of: the next status, calls in order, events, and when to look again. Each
// policy gives a result; folding them one after the other makes the decision (decide.ts).
import type { FineTuneJobStatus } from '../../crds/api/status.ts';
import type { RendezvousCause } from '../../crds/wire/rendezvous-causes.ts';
import type { DesiredRecord, JobRecord, StateRecord } from '../../crds/wire/state.ts';
import type { Manifest, OwnManifest, Propagation } from '../runtime/client.ts';
import type { ConditionChange } from '../runtime/conditions.ts';
import type { EventNote } from '../runtime/events.ts';

export type AppliedKind = 'Service' | 'NetworkPolicy';
export type CreatedKind = 'Job' | 'PodGroup' | 'PersistentVolumeClaim' | AppliedKind;
export type DeletedKind = 'Job' | 'Pod' | 'PodGroup' | 'Service' | 'NetworkPolicy';

export type Call =
  | { readonly type: 'AddFinalizer' }
  | { readonly type: 'RemoveFinalizer' }
  /** Creates the immutable plan; that it exists is fine. */
  | { readonly type: 'EnsurePlan'; readonly manifest: Manifest }
  /**
   * A policy of the namespace: created where it is missing, brought to what it should contain where
   * it is known.
   */
  | { readonly type: 'Share'; readonly manifest: Manifest; readonly uid: string | undefined }
  | { readonly type: 'Create'; readonly kind: CreatedKind; readonly manifest: Manifest }
  /** Brings one of ours to what it should contain. */
  | { readonly type: 'Apply'; readonly kind: AppliedKind; readonly manifest: OwnManifest }
  | {
      readonly type: 'Delete';
      readonly kind: DeletedKind;
      readonly name: string;
      readonly uid: string;
      readonly propagation: Propagation;
      readonly graceSeconds?: number;
    }
  /** Sets the number of workers, or 0 to end what still runs. */
  | {
      readonly type: 'Resize';
      readonly name: string;
      readonly uid: string;
      readonly parallelism: number;
      /** A resize moves it too; stopping does not. */
      readonly completions: number | undefined;
    }
  /** Says for a lost node what it cannot say itself. */
  | { readonly type: 'FailPod'; readonly name: string; readonly uid: string }
  /** Creates the Adapter that the job made; that it exists is fine. */
  | { readonly type: 'Record'; readonly manifest: Manifest }
  | { readonly type: 'DeleteSelf' }
  /** Pods may speak of the job on the bus. */
  | { readonly type: 'Admit'; readonly record: JobRecord }
  | { readonly type: 'WriteDesired'; readonly record: DesiredRecord }
  /** Creates the state record; that it exists is fine. */
  | { readonly type: 'InitState'; readonly record: StateRecord }
  /** Compare-and-set from a round: that somebody was faster is fine. */
  | {
      readonly type: 'OpenRound';
      readonly from: number;
      readonly cause: RendezvousCause;
      readonly workerRevision: number;
      readonly restarts: StateRecord['restarts'];
      /** UIDs of pods that may join no more. */
      readonly lost?: readonly string[];
    }
  | { readonly type: 'PurgeBus' };

export interface PolicyResult {
  readonly conditions?: readonly ConditionChange[];
  /** Members that replace those of the status. */
  readonly status?: Partial<FineTuneJobStatus>;
  readonly calls?: readonly Call[];
  readonly events?: readonly EventNote[];
  /** Why the job cannot proceed; the first policy that says so wins. */
  readonly stalled?: ConditionReason | undefined;
  /** What deviates from the spec although the job runs. */
  readonly degraded?: ConditionReason | undefined;
  /** When the answer may be another one by itself, in milliseconds since 1970. */
  readonly wakeAt?: number | undefined;
  /** No later policy is asked. */
  readonly final?: boolean;
}

/** Reason and message of a condition. */
export interface ConditionReason {
  readonly reason: string;
  readonly message: string;
}

/** A call that the cluster refused. */
export interface Refusal extends ConditionReason {
  /** It will refuse it again, whatever changes around the job. */
  readonly isFinal: boolean;
}

export interface Decision {
  readonly status: FineTuneJobStatus;
  readonly calls: readonly Call[];
  readonly events: readonly EventNote[];
  readonly wakeAt: number | undefined;
}

export const none: PolicyResult = {};

/** Two results as one: where both set the same, the second wins. */
export function together(first: PolicyResult, second: PolicyResult): PolicyResult {
  return {
    ...first,
    ...second,
    conditions: [...(first.conditions ?? []), ...(second.conditions ?? [])],
    status: { ...first.status, ...second.status },
    calls: [...(first.calls ?? []), ...(second.calls ?? [])],
  };
}
