// What `GET /adapters` of a server says: the operator asks its pods.
import * as z from 'zod';

export const servedAdapters = z.object({
  /** Names of adapters and compositions. */
  served: z.array(z.string()),
  /** Why one is not served, in a sentence. */
  refused: z.array(z.object({ name: z.string(), reason: z.string() })),
});

export type ServedAdapters = z.output<typeof servedAdapters>;
