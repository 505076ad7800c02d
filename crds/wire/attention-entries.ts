// How large the entries of queries and keys become in attention. A bound of the logarithm of the
// sequence decides whether attention, and gradients of LoRA through it, can be approximated in less
// than quadratic time (Computational Limits of Low-Rank Adaptation for Transformers, Hu et al.).
import * as z from 'zod';

const count = z.int().min(0);

export const attentionEntries = z.object({
  /** Of the longest document, from which the bound follows. */
  tokens: count,
  /** Query heads of the model. */
  heads: count,
  /** Largest magnitudes, the scale of attention split evenly between them; null: not finite. */
  query: z.number().nullable(),
  key: z.number().nullable(),
  /** Heads with a larger entry, of the query or its key, than each of `boundFactors` allows. */
  above: z.array(count),
});

export type AttentionEntries = z.output<typeof attentionEntries>;

/** Multiples of the bound that are told apart. */
export const boundFactors = [1, 2, 4] as const;

/** The square root of ln L. */
export function entryBound(tokens: number): number {
  return Math.sqrt(Math.log(Math.max(2, tokens)));
}
