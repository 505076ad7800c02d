import type { Worker } from '../api/worker.ts';
import { parseQuantity } from '../schema/quantity.ts';
import type { MemoryQuestion } from './memory-question.ts';

/** The limit of a plan without a known limit. */
export const unlimited: number = Number.MAX_SAFE_INTEGER;

/** The device of a worker without devices: its memory is the limit of its pod, or unlimited. */
export function processorOf({ resources }: Worker): MemoryQuestion['device'] {
  const memory = resources?.limits?.['memory'] ?? resources?.requests?.['memory'];
  return { type: 'cpu', bytes: memory === undefined ? unlimited : parseQuantity(memory) };
}
