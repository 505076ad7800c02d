/** What both halves of the benchmark of classifiers are asked; they answer as `train` does. */
import type { LoraRequest } from '../train/request.ts';

export interface ClassRequest extends LoraRequest {
  readonly batches: readonly ClassRows[];
}

/** Texts with their special tokens, and a class for each. */
export interface ClassRows {
  readonly ids: readonly (readonly number[])[];
  readonly labels: readonly number[];
}
