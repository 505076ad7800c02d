// The bus with its writes counted. A bus that is connected and cannot store (no quorum, no space)
// shows nowhere else in the numbers.
import type { JobBus } from './job-bus.ts';

type BusWrite = 'admit' | 'prune' | 'desired' | 'state' | 'round' | 'purge';

/** Whether the bus is away is the same for all jobs. */
const anyJob = { namespace: '', uid: '' };

interface Seen {
  readonly operation: BusWrite;
  readonly result: 'success' | 'error' | 'away';
}

export function countedBus(bus: JobBus, seen: (write: Seen) => void): JobBus {
  /** What was given up is no fault of the bus. */
  const counted = async (
    operation: BusWrite,
    signal: AbortSignal,
    write: () => Promise<void>,
  ): Promise<void> => {
    const isAway = bus.facts(anyJob).type === 'Away';
    try {
      await write();
      seen({ operation, result: 'success' });
    } catch (error) {
      if (!signal.aborted) seen({ operation, result: isAway ? 'away' : 'error' });
      throw error;
    }
  };
  return {
    facts: (job) => bus.facts(job),
    progress: (job) => bus.progress(job),
    subscribe: (listener) => bus.subscribe(listener),
    jobs: () => bus.jobs(),
    admit: (job, record, signal) => counted('admit', signal, () => bus.admit(job, record, signal)),
    prune: (signal) => counted('prune', signal, () => bus.prune(signal)),
    writeDesired: (job, record, signal) =>
      counted('desired', signal, () => bus.writeDesired(job, record, signal)),
    initState: (job, record, signal) =>
      counted('state', signal, () => bus.initState(job, record, signal)),
    openRound: (job, next, signal) =>
      counted('round', signal, () => bus.openRound(job, next, signal)),
    purge: (job, signal) => counted('purge', signal, () => bus.purge(job, signal)),
  };
}
