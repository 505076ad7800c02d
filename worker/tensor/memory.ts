// What memory the process uses, from the system's view and from libtorch's.
import { readFileSync, writeFileSync } from 'node:fs';
import { native } from './native.ts';

/** Tensors that JavaScript holds in this thread. The same before and after a step, or it leaks. */
export function liveHandles(): number {
  return native.live();
}

interface MemoryStatistics {
  /**
   * Bytes in CPU tensors of this process, mapped files apart, and the most since the last reset.
   */
  readonly tensorBytes: number;
  readonly tensorPeakBytes: number;
  /** Resident memory of the process as the system counts it, mapped pages included. */
  readonly residentBytes: number;
  readonly residentPeakBytes: number;
  /** The part of residentBytes that is pages of files: shared, and given back under pressure. */
  readonly fileBytes: number;
}

export function memoryStatistics(): MemoryStatistics {
  const { held, peak } = native.memory();
  return { tensorBytes: held, tensorPeakBytes: peak, ...residentMemory() };
}

/** Starts a new measurement of both peaks (the resident one where the system allows it). */
export function resetMemoryPeaks(): void {
  native.resetPeak();
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not Linux, or forbidden: the resident peak then stays that of the whole process.
  }
}

/**
 * Gives memory back to the system that only loading needed: dead objects, heap pages that no tensor
 * uses, pages of libraries.
 */
export function trimMemory(): void {
  // Only there where Node was started with --expose-gc. Of its own accord V8 keeps pages that it
  // has emptied for later: 170 MiB behind a vocabulary of 262,144 tokens.
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  native.trim();
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
