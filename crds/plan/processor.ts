import type { Worker } from '../api/worker.ts';
import { parseQuantity } from '../schema/quantity.ts';
import type { MemoryQuestion } from './memory-question.ts';

/** The limit of a plan where nobody knows one. */
export const unlimited: number = Number.MAX_SAFE_INTEGER;

/**
 * Where a worker without devices computes: the memory is what its pod is given, or whatever its
 * node has.
 */
export function processorOf({ resources }: Worker): MemoryQuestion['device'] {
  const memory = resources?.limits?.['memory'] ?? resources?.requests?.['memory'];
  return { type: 'cpu', bytes: memory === undefined ? unlimited : parseQuantity(memory) };
}
