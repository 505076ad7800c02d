// How many processor threads one operator may use. libtorch's setting is the whole process's.
import { native } from './native.ts';

export function threads(): number {
  return native.threads();
}

export function setThreads(count: number): void {
  native.setThreads(count);
}
