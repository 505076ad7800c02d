// Everything that a supervisor's decision may look at, as plain data, and everything that it may
// decide.
import type { FailurePolicy } from '../../crds/api/policy.ts';
import type { RendezvousCause } from '../../crds/wire/rendezvous-causes.ts';
import type { AckRecord, StateRecord } from '../../crds/wire/state.ts';
import type { Ending, Failure } from './end-of-child.ts';
import type { RankAssignment } from './rank-assignment.ts';
import type { Records } from './records.ts';
import type { Pace, ToldPace } from './straggler.ts';
import type { Saved } from './trainer-facts.ts';

export interface Situation {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly me: Member;
  readonly policy: FailurePolicy;
  readonly recomputesAll: boolean;
  /** How long anything waits for the bus, milliseconds. */
  readonly busOutageMs: number;
  /** How long a new pod leaves it to the operator to open a round for it, milliseconds. */
  readonly patienceMs: number;
  readonly bus: { readonly connected: boolean; readonly since: number };
  readonly records: Records;
  /** When each pod was heard last, by its UID; milliseconds since 1970. */
  readonly heartbeats: ReadonlyMap<string, number>;
  /** What each pod said of its steps, by its UID. */
  readonly paces: ReadonlyMap<string, Pace>;
  readonly toldPace: ToldPace | undefined;
  /** Rounds that this pod was a member of; 0 before the first. */
  readonly joined: number;
  /** When the last process, if any, must have saved: SIGTERM was received. */
  readonly terminateBy: number | undefined;
  readonly trainer: TrainerState;
}

interface Member {
  readonly index: number;
  readonly podUID: string;
  readonly workerRevision: number;
  /** Milliseconds since 1970. */
  readonly bootAt: number;
}

export type TrainerState =
  | { readonly type: 'None' }
  | {
      readonly type: 'Running';
      readonly round: number;
      /** When it was started. */
      readonly since: number;
      readonly asked: 'Nothing' | 'Stop';
      /** Value of `desired.save` that it was told of, and whether it has saved since. */
      readonly save: { readonly asked: number; readonly done: boolean };
      readonly restored: boolean;
      readonly saved: Saved | undefined;
      /** When its silence means that it hangs. */
      readonly hangsAt: number;
    }
  | {
      readonly type: 'Ended';
      readonly round: number;
      readonly ending: Ending;
      readonly at: number;
      readonly saved: Saved | undefined;
      /** How training ended, where it ended well. */
      readonly result: TrainingResult | undefined;
    };

export interface TrainingResult {
  readonly reason: 'Finished' | 'FinishedEarly';
  readonly step: number;
}

export type Action =
  /** Until then, or until anything changes. */
  | { readonly type: 'Wait'; readonly until?: number }
  | {
      readonly type: 'Exit';
      readonly code: number;
      readonly failure?: Failure;
      readonly why: string;
    }
  /** Member record of this round; `over` is the revision of the one that it replaces. */
  | { readonly type: 'Join'; readonly round: number; readonly over?: number }
  | { readonly type: 'CommitWorld' }
  | { readonly type: 'Start'; readonly round: number; readonly assignment: RankAssignment }
  | { readonly type: 'Ask'; readonly what: 'stop' | 'save'; readonly value: number }
  | { readonly type: 'Kill'; readonly why: 'Outdated' | 'Hang' | 'Late' | 'Now' }
  /** A new world, for this cause. */
  | { readonly type: 'Open'; readonly cause: RendezvousCause; readonly change: Change }
  | { readonly type: 'Commit'; readonly saved: Saved; readonly result?: TrainingResult }
  | { readonly type: 'Fail'; readonly failure: Failure }
  | { readonly type: 'Acknowledge'; readonly change: Partial<AckRecord> }
  /** That one is slower than the others, or that none is any more. */
  | { readonly type: 'TellPace'; readonly words: string | undefined }
  /** What is left of an ended process needs nothing more. */
  | { readonly type: 'Forget' };

export type Change = Partial<Pick<StateRecord, 'restarts' | 'adjustments'>>;

/** Asked only by policies that come after the one about a missing record. */
export function stateOf({ records }: Situation): StateRecord {
  const state = records.state?.record;
  if (state === undefined) throw new Error('there is no state record');
  return state;
}

export function exit(failure: Failure): Action {
  return { type: 'Exit', code: failure.exitCode, failure, why: failure.message };
}
