import type { HostSequence } from '../engine/packed-sequence.ts';

/** What one step trains on. */
export interface Batch {
  /** The sequences of this rank. */
  readonly sequences: readonly HostSequence[];
  /** Where records are apart: the sequences of each. */
  readonly records?: readonly (readonly HostSequence[])[];
  /** Target tokens of the global batch, all ranks. */
  readonly targetTokens: number;
  readonly tokens: number;
  readonly epoch: number;
}
