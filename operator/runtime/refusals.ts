// What the cluster refused of objects, by key: their status says it until a try succeeds. In
// memory, since the next try finds out again.
import type { Reconciled } from './controller.ts';
import { refusedMs } from './pauses.ts';
import type { RefusedCall } from './refused-call.ts';

interface Refusal {
  readonly reason: string;
  readonly message: string;
  readonly generation: number;
}

export class Refusals {
  readonly #byKey = new Map<string, Refusal>();

  /** Undefined where nothing was, or of another generation. */
  of(key: string, generation: number): Refusal | undefined {
    const known = this.#byKey.get(key);
    return known?.generation === generation ? known : undefined;
  }

  /** A new one is told in the status at once; one that is known is tried again later. */
  add(key: string, generation: number, error: RefusedCall): Reconciled {
    const isNew = this.of(key, generation)?.message !== error.message;
    const { reason, message } = error;
    this.#byKey.set(key, { reason, message, generation });
    return { requeueAfterMs: isNew ? 0 : refusedMs, error };
  }

  /** Whether there was one. */
  forget(key: string): boolean {
    return this.#byKey.delete(key);
  }
}
