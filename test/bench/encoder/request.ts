/** What both halves of the benchmark of classifiers are asked; they answer as `train` does. */

export interface ClassRequest {
  /** A Hugging Face folder of an encoder. */
  readonly model: string;
  readonly threads: number;
  readonly rank: number;
  readonly alpha: number;
  readonly learning_rate: number;
  readonly clip: number;
  readonly steps: number;
  readonly batches: readonly ClassRows[];
}

/** Texts with their special tokens, and a class for each. */
export interface ClassRows {
  readonly ids: readonly (readonly number[])[];
  readonly labels: readonly number[];
}
