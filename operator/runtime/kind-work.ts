// The work on one kind beside jobs: a queue of keys, into which the informers of every replica put
// what changed, and the controller that the leader runs on it.
import type { Clock } from '../../crds/clock.ts';
import { type ControllerFacts, type ReconcileOutcome, runController } from './controller.ts';
import type { Random } from './random.ts';
import { WorkQueue } from './work-queue.ts';

/** Who is told, by the name of the kind. */
export interface KindObserver<Of extends string> {
  begins(of: Of): void;
  queueAdd(of: Of): void;
  reconcile(outcome: ReconcileOutcome, of: Of): void;
}

const deadlineMs = 30_000;

export class KindWork<Of extends string> {
  readonly #of: Of;
  readonly #clock: Clock;
  readonly #observer: KindObserver<Of>;
  readonly #queue: WorkQueue;

  constructor(
    of: Of,
    { clock, random }: { readonly clock: Clock; readonly random: Random },
    observer: KindObserver<Of>,
  ) {
    this.#of = of;
    this.#clock = clock;
    this.#observer = observer;
    observer.begins(of);
    this.#queue = new WorkQueue({ clock, random, added: () => observer.queueAdd(of) });
  }

  add(key: string): void {
    this.#queue.add(key);
  }

  /** Until aborted; begins with a full pass: whoever led before had timers in memory. */
  async lead(
    keys: Iterable<string>,
    { workers, reconcile }: Pick<ControllerFacts, 'workers' | 'reconcile'>,
    leading: AbortSignal,
  ): Promise<void> {
    for (const key of keys) this.#queue.add(key);
    await runController(
      {
        ...{ queue: this.#queue, clock: this.#clock, workers, deadlineMs, reconcile },
        seen: (outcome) => this.#observer.reconcile(outcome, this.#of),
      },
      leading,
    );
  }
}
