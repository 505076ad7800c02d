// The memory of the process, as the system counts it and as libtorch does. Devices with memory of
// their own are in device.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { native } from './native.ts';

/** Live tensor handles of this thread. A change over a step is a leak. */
export function liveHandles(): number {
  return native.live();
}

interface MemoryStatistics {
  /** Bytes of CPU tensors without mapped files, and their peak since the last reset. */
  readonly tensorBytes: number;
  readonly tensorPeakBytes: number;
  /** Resident memory of the process by the system's count, including mapped pages. */
  readonly residentBytes: number;
  readonly residentPeakBytes: number;
  /** The part of residentBytes that is file pages: shared, and dropped under pressure. */
  readonly fileBytes: number;
}

export function memoryStatistics(): MemoryStatistics {
  const { held, peak } = native.memory();
  return { tensorBytes: held, tensorPeakBytes: peak, ...residentMemory() };
}

/** Resets both peaks (the resident one where the system allows it). */
export function resetMemoryPeaks(): void {
  native.resetPeak();
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not Linux, or forbidden: the resident peak then is that of the whole process.
  }
}

/** Collecting takes 50 to 100 ms even where nothing is dead. */
const worthCollecting = 8 * 1024 ** 2;
/** Bytes that V8 held when it had collected last. */
let collected = 0;

/** Frees memory that only loading needed: dead objects, unused heap pages, pages of libraries. */
export function trimMemory(): void {
  if (heldByV8() - collected >= worthCollecting) {
    // gc exists only with --expose-gc. By itself V8 keeps emptied pages for later: 170 MiB after a
    // vocabulary of 262,144 tokens.
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    collected = heldByV8();
  }
  native.trim();
}

/** Pages of its heap, what is dead in them too, and buffers outside of it. */
function heldByV8(): number {
  const { heapTotal, external } = process.memoryUsage();
  return heapTotal + external;
}

function residentMemory(): Pick<
  MemoryStatistics,
  'residentBytes' | 'residentPeakBytes' | 'fileBytes'
> {
  const status = procStatus();
  const rss = process.memoryUsage.rss();
  return {
    residentBytes: status.get('VmRSS') ?? rss,
    residentPeakBytes: status.get('VmHWM') ?? process.resourceUsage().maxRSS * 1024,
    fileBytes: status.get('RssFile') ?? 0,
  };
}

/** The sizes of /proc/self/status in bytes; empty where there is none. */
function procStatus(): ReadonlyMap<string, number> {
  try {
    const lines = readFileSync('/proc/self/status', 'latin1').matchAll(/^(\w+):\s+(\d+) kB$/gm);
    return new Map(Array.from(lines, ([, name = '', size]) => [name, Number(size) * 1024]));
  } catch {
    return new Map();
  }
}
