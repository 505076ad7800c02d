// Finds tensors that nobody freed: for development and tests, off otherwise. The collector sees a
// Tensor object whose handle still lives; the report says where it was made.
import { native } from './native.ts';
import { type Tensor, watchTensors } from './tensor.ts';

/**
 * Calls `report` with the place of birth of each tensor that was collected without being freed.
 * When the collector looks is its own business: no report proves nothing, one report is a bug.
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
    return false; // released, which is what should have happened
  }
}
