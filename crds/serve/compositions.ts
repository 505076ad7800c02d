// Several adapters under one name. A part is an adapter that is served under a name of its own.
import * as z from 'zod';
import { composeModes, mostParts, mostSpan, mostWeight } from '../names/compose-modes.ts';
import { servedName } from './served-name.ts';

const part = z.object({
  adapter: servedName,
  /** Not 0. 1 where the mode has no weights of its own. */
  weight: z.number().min(-mostWeight).max(mostWeight),
});

export const composition = z.object({
  name: servedName,
  /**
   * `merge` adds the weighted changes up, as one adapter; `logits` takes the weighted mean of the
   * logits of all parts; in `switch` one part answers alone for a span of tokens, then the next; in
   * `dominant` one part weighs more in the mean for a span (CMLoRA, Zou et al. 2025).
   */
  mode: z.enum(composeModes),
  parts: z.array(part).min(1).max(mostParts),
  /** Tokens that are made before the next part leads; of `switch` and `dominant`. */
  span: z.int().min(1).max(mostSpan),
});

export type Composition = z.output<typeof composition>;

/** Sequences of keys and values that a request takes. */
export function lanesOf({ mode, parts }: Pick<Composition, 'mode' | 'parts'>): number {
  return mode === 'logits' || mode === 'dominant' ? parts.length : 1;
}
