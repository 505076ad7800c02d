/** What both halves of the training benchmark are asked, and what they answer. */

/** Steps of LoRA. */
export interface LoraRequest {
  /** A Hugging Face folder. */
  readonly model: string;
  readonly threads: number;
  readonly rank: number;
  readonly alpha: number;
  readonly learning_rate: number;
  /** Largest gradient norm; null for no clipping. */
  readonly clip: number | null;
  readonly steps: number;
}

export interface StepRequest extends LoraRequest {
  readonly method: 'lora' | 'full';
  readonly dtype: 'float32' | 'bfloat16';
  /** Ours alone: keep no tape, run each block again in the backward. */
  readonly recompute: boolean;
  /** Ours alone: the peer's is always AdamW. */
  readonly optimizer: 'AdamW' | 'AdamW8bit' | 'AdamWBFloat16';
  readonly batches: readonly TokenRows[];
}

/** Rows of equal length; a label is the token itself, -100 where nothing is learned. */
export interface TokenRows {
  readonly ids: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
}

export interface StepResult {
  readonly steps: readonly {
    readonly loss: number;
    readonly norm: number;
    /** Seconds. */
    readonly wall: number;
    /** Seconds over all threads. */
    readonly processor: number;
  }[];
  /** Largest resident memory of the process, loading included, bytes. */
  readonly peak: number;
  /** What the memory plan said, bytes; the peer has none. */
  readonly predicted?: number;
  /** Trained parameters. */
  readonly trained: number;
}
