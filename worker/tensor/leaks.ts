// Finds tensors that were not freed, for development and tests. The garbage collector finds a
// Tensor object whose handle is still live; the report has the stack of its creation.
import { native } from './native.ts';
import { type Tensor, watchTensors } from './tensor.ts';

/**
 * Calls `report` with the creation stack of each tensor that was collected without being freed. The
 * collector runs when it likes: a report is a bug, none proves nothing.
 */
export function reportLeaks(report: (madeAt: string) => void): Disposable {
  const registry = new FinalizationRegistry<{ handle: number; madeAt: string }>((held) => {
    if (!isLive(held.handle)) return;
    native.release(held.handle);
    report(held.madeAt);
  });
  watchTensors((made: Tensor) => {
    registry.register(made, { handle: made.handle, madeAt: new Error('made').stack ?? '' });
  });
  return { [Symbol.dispose]: () => watchTensors(undefined) };
}

function isLive(handle: number): boolean {
  try {
    native.describe(handle);
    return true;
  } catch {
    return false; // released, as it should be
  }
}
