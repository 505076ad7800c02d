// Which fields may change after a job was created. A field says it where it is declared; a field
// without a word of its own follows the object around it. Rules for the API server and sentences
// for the command line are both made from this.
import type * as z from 'zod';

/**
 * Immutable: never. Suspended: only while `spec.suspend` was true before the change. Live: any
 * time. LiveIfElastic: as Live where `worker.elasticity` is Live, else as Suspended.
 */
export type Mutability = 'Immutable' | 'Suspended' | 'Live' | 'LiveIfElastic';

export const mutabilityKey = 'x-anneal-mutability';

export function mutable<S extends z.ZodType>(schema: S, mutability: Mutability): S {
  return schema.meta({ [mutabilityKey]: mutability });
}
