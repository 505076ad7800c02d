// What the memory of a rank depends on.
import type { ResolvedMethod } from '../methods/resolve.ts';
import type { DecoderFacts } from './decoder-facts.ts';
import type { DeviceType } from './memory-constants.ts';

export type TapeMode = 'keep' | 'recompute' | 'offload';

export interface MemoryQuestion {
  readonly facts: DecoderFacts;
  /** Base values that the files hold in bfloat16: frozen matrices stay so, whatever is computed in. */
  readonly storedBfloat16?: number;
  readonly method: ResolvedMethod;
  /** Tokens that a device computes at once. */
  readonly microBatchTokens: number;
  /** Micro-batches that pass through a block before the next block. */
  readonly perWave: number;
  readonly waves: number;
  /** Ranks that share weights, gradients and state. */
  readonly shards: number;
  readonly clip: 'Global' | 'Block' | 'None';
  readonly recomputation: 'Auto' | 'None' | 'Full' | 'Offload';
  /** Share of tokens that are learned, and pass through the head. */
  readonly learnedShare: number;
  readonly device: { readonly type: DeviceType; readonly bytes: number };
}
