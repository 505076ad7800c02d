// What hub and clients of a federation say to each other. On one machine both sides are one folder
// (local-cohort.ts); over a bus each has a folder of its own (bus-cohort.ts, run-peer.ts). Worker
// processes read and write their folder alone, so a round has the same bits either way.
import type { RoundSpec } from '../../crds/wire/federation.ts';
import type { LocalOutcome } from '../client/local-run.ts';

/** The clients, as the hub sees them. */
export interface Cohort {
  /**
   * Trains a round. What clients sent is in records and objects of the hub's folder then; of the
   * others it says why, by name.
   */
  train(round: RoundSpec): Promise<TrainedRound>;
  /** Nothing more is asked of them. */
  end(): Promise<void>;
}

export type TrainedRound =
  | { readonly type: 'Trained'; readonly reasons: Readonly<Record<string, string>> }
  | Exclude<LocalOutcome, { readonly type: 'Complete' }>;

/** The hub, as a client sees it in one round. */
export interface Hub {
  /** Holds the round for this attempt, whose number it returns; earlier ones lose it. */
  claim(): Promise<number>;
  /** What the round begins with is in the client's folder. */
  fetch(): Promise<void>;
  /** What the client's folder holds as its submission is the hub's. */
  submit(): Promise<void>;
}
