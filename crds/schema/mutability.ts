// Which fields may change after a job was created. A field declares it; without a declaration it
// follows the object around it. Rules for the API server and sentences for the command line are
// both derived from this.
import type * as z from 'zod';

/**
 * Immutable: never. Suspended: only if `spec.suspend` was true before the change. Live: any time.
 * LiveIfElastic: as Live with `worker.elasticity` Live, otherwise as Suspended.
 */
export type Mutability = 'Immutable' | 'Suspended' | 'Live' | 'LiveIfElastic';

export const mutabilityKey = 'x-anneal-mutability';

export function mutable<S extends z.ZodType>(schema: S, mutability: Mutability): S {
  return schema.meta({ [mutabilityKey]: mutability });
}
