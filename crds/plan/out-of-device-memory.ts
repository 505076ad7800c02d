// The error of a CUDA device without memory: it names what holds the memory, by the plan and now.
import { TerminalError } from '../failures/errors.ts';
import { bytesInWords as words } from '../schema/quantity.ts';
import type { MemoryParts } from './stage-peak.ts';

export interface DeviceMemoryFacts {
  /** `cuda:0`. */
  readonly device: string;
  readonly totalBytes: number;
  /** Free by the driver; what is neither free nor reserved here belongs to other programs. */
  readonly freeBytes?: number | undefined;
  /** By the caching allocator. */
  readonly reservedBytes: number;
  readonly allocatedBytes: number;
  /** Of the CUDA context of this process, by the plan. */
  readonly contextBytes: number;
  readonly plan: { readonly parts: MemoryParts; readonly peak: number };
  readonly cause?: unknown;
}

/** The least that counts as another program: the driver itself holds some. */
const othersBytes = 2 ** 30;

/** The error of a device without memory: what is reserved now, and what the plan expected. */
export function outOfDeviceMemory(facts: DeviceMemoryFacts): TerminalError {
  const { device, totalBytes, reservedBytes, allocatedBytes, plan, cause } = facts;
  const others = othersOf(facts);
  const { weights, optimizer, gradients, activations, workspace } = plan.parts;
  const parts = [
    `weights ${words(weights)}`,
    `optimizer state ${words(optimizer)}`,
    `gradients ${words(gradients)}`,
    `activations ${words(activations)}`,
    `work space ${words(workspace)}`,
  ].join(', ');
  const sharing = others > 0 ? `, and other programs hold ${words(others)}` : '';
  return new TerminalError({
    code: 'E_DEVICE_OUT_OF_MEMORY',
    message: `${device} has no memory left of ${words(totalBytes)}: ${words(reservedBytes)} are reserved, ${words(allocatedBytes)} of them in tensors${sharing}; the plan was ${words(plan.peak)}: ${parts}`,
    hint:
      others > 0
        ? 'end the other programs on the device; nvidia-smi lists them'
        : 'set spec.parallelism.activationRecomputation: Full, or see what anneal estimate FILE suggests',
    cause,
  });
}

function othersOf(facts: DeviceMemoryFacts): number {
  const { totalBytes, freeBytes, reservedBytes, contextBytes } = facts;
  if (freeBytes === undefined) return 0;
  const others = totalBytes - freeBytes - reservedBytes - contextBytes;
  return others < othersBytes ? 0 : others;
}
