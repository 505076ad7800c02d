// How many processor threads one operator may use. libtorch's setting is the whole process's.
import { native } from './native.ts';

export function threads(): number {
  return native.threads();
}

export function setThreads(count: number): void {
  native.setThreads(count);
}

/** Results of LAPACK, and of products in float64, depend on the number of threads. */
export function byOneThread<T>(compute: () => T): T {
  const before = threads();
  setThreads(1);
  try {
    return compute();
  } finally {
    setThreads(before);
  }
}
