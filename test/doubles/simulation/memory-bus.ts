// The bus without a network: records in memory, compare-and-set as on the real one, faults as a
// test orders them.
import { TransientError } from '../../../crds/failures/errors.ts';
import type {
  AckRecord,
  DesiredRecord,
  JobRecord,
  MemberRecord,
  StateRecord,
} from '../../../crds/wire/state.ts';
import type { JobOnBus } from '../../../crds/wire/subjects.ts';
import type { JobBus, NewRound } from '../../../operator/bus/job-bus.ts';
import type { BusFacts } from '../../../operator/job/facts.ts';
import { timeText } from '../../../operator/runtime/conditions.ts';

export interface JobRecords {
  admitted: JobRecord | undefined;
  state: StateRecord | undefined;
  desired: DesiredRecord | undefined;
  members: Map<number, MemberRecord>;
  acks: Map<number, AckRecord>;
}

export class MemoryBus implements JobBus {
  readonly records = new Map<string, JobRecords & { readonly job: JobOnBus }>();
  /** Rounds opened, by job: whoever opened them. */
  opened = 0;
  awaySince: number | undefined;
  /** Hears of every state record that is written. */
  onState: (before: StateRecord | undefined, after: StateRecord) => void = () => undefined;
  fault: (what: string, effect: () => void) => void = (_what, effect) => effect();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  of(job: JobOnBus): JobRecords {
    const key = `${job.namespace}.${job.uid}`;
    const known = this.records.get(key);
    if (known !== undefined) return known;
    const fresh = {
      job: { namespace: job.namespace, uid: job.uid },
      ...{
        admitted: undefined,
        state: undefined,
        desired: undefined,
        members: new Map(),
        acks: new Map(),
      },
    };
    this.records.set(key, fresh);
    return fresh;
  }

  put(job: JobOnBus, state: StateRecord): void {
    const records = this.of(job);
    const before = records.state;
    if (before !== undefined && before.round !== state.round) {
      records.members.clear();
      records.acks.clear();
    }
    records.state = state;
    this.onState(before, state);
  }

  facts(job: JobOnBus): BusFacts {
    if (this.awaySince !== undefined) return { type: 'Away', since: this.awaySince };
    const { admitted, state, desired, members, acks } = this.of(job);
    const told = { admitted, state, desired };
    return { type: 'Present', ...told, members: new Map(members), acks: new Map(acks) };
  }

  progress() {
    return undefined;
  }

  subscribe(): Disposable {
    return { [Symbol.dispose]: () => undefined };
  }

  jobs(): readonly JobOnBus[] {
    return [...this.records.values()].map(({ job }) => job);
  }

  /** Its storage is lost. */
  wipe(): void {
    for (const key of this.records.keys()) this.records.delete(key);
  }

  async admit(job: JobOnBus, record: JobRecord): Promise<void> {
    this.#effect('admit', () => {
      this.of(job).admitted = structuredClone(record);
    });
  }

  async prune(): Promise<void> {}

  async writeDesired(job: JobOnBus, record: DesiredRecord): Promise<void> {
    this.#effect('writeDesired', () => {
      this.of(job).desired = structuredClone(record);
    });
  }

  async initState(job: JobOnBus, record: StateRecord): Promise<void> {
    this.#effect('initState', () => {
      if (this.of(job).state === undefined) this.put(job, structuredClone(record));
    });
  }

  async openRound(job: JobOnBus, next: NewRound): Promise<void> {
    this.#effect('openRound', () => {
      const { state } = this.of(job);
      if (state === undefined || state.round !== next.from || state.result) return;
      const { world: _, ...rest } = state;
      const { workerRevision, cause, restarts, lost } = next;
      const opened = {
        by: 'operator',
        cause,
        at: timeText(this.#now()),
        ...(lost && { lost: [...lost] }),
      };
      this.put(
        job,
        structuredClone({ ...rest, workerRevision, opened, restarts, round: next.from + 1 }),
      );
      this.opened += 1;
    });
  }

  async purge({ namespace, uid }: JobOnBus): Promise<void> {
    this.#effect('purge', () => {
      this.records.delete(`${namespace}.${uid}`);
    });
  }

  #effect(what: string, effect: () => void): void {
    if (this.awaySince !== undefined) {
      throw new TransientError({ code: 'E_BUS_UNAVAILABLE', message: `${what}: the bus is away` });
    }
    this.fault(what, effect);
  }
}
