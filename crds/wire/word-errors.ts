// How much of what is said in held-out sounds is written down otherwise.
import * as z from 'zod';

const count = z.int().min(0);

export const wordErrors = z.object({
  /** Words that are others, missing or too many. */
  errors: count,
  /** Words that are said. */
  words: count,
});
export type WordErrors = z.output<typeof wordErrors>;
