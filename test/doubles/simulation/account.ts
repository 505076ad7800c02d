// The books of a simulated job, kept beside those of the product and by none of its functions: from what happened to it (incidents.ts), what was told in
// status, and every state record that is written follows what may be charged, and why the job may end.
import type { FineTuneJobStatus } from '../../../crds/api/status.ts';
import type { StateRecord } from '../../../crds/wire/state.ts';
import { Incidents, type Judged } from './incidents.ts';
import { check } from './invariants.ts';

export interface Budget {
  readonly maxRestarts: number;
  /** 0: the whole life. */
  readonly windowSeconds: number;
}

/** As docs/operations.md has it. */
const noProgressAfter = 3;
/** As docs/reference/failures.md has them: why a new generation is formed, and whether it is counted. */
const charged: ReadonlySet<string> = new Set([
  ...['ProcessFailed', 'PodFailed', 'Hang', 'MemberUnreachable'],
]);

/** What a leader knows of the job once it has heard of everything. */
interface Told {
  readonly counted: number;
  readonly sinceCommit: number;
  /** How many checkpoints there were by then. */
  readonly commits: number;
}

export class Account {
  readonly incidents: Incidents;
  readonly #budget: Budget;
  readonly #now: () => number;
  /** Charged in its life, whatever was forgotten since. */
  #total = 0;
  /** As the record has to have it. */
  #counted = 0;
  #times: readonly number[] = [];
  #sinceCommit = 0;
  /** Since the last checkpoint in fact, whatever was forgotten since. */
  #sinceProgress = 0;
  #commits = 0;
  /** Both times have whole seconds: of a checkpoint and a restart in one, nobody can tell which came first. */
  #isTie = false;
  #committedAt = Number.NEGATIVE_INFINITY;
  /** Of the newest checkpoint that was ever committed. */
  #step = 0;
  #openedAt = 0;
  #wasWiped = false;
  readonly #told = new Map<number, Told>();
  #acting = 0;
  /** Why the job has to end, and as what. */
  #verdict: string | undefined;
  #last: StateRecord | undefined;
  #complaint: unknown;
  /** Checkpoints were damaged: there may be none left that is whole. */
  isDamaged = false;

  constructor(budget: Budget, now: () => number) {
    this.#budget = budget;
    this.#now = now;
    this.incidents = new Incidents(now);
  }

  wiped(): void {
    this.#wasWiped = true;
    this.incidents.disruption('the bus was wiped');
  }

  /** This leader has heard of everything, also of this status. */
  sees(leader: number, { restarts, workerEpoch }: FineTuneJobStatus = {}): void {
    const { counted = 0, sinceCommit = 0 } = restarts ?? {};
    // Only a step to the next epoch is told in status before it is written into the record.
    if (this.#last?.epoch === workerEpoch && counted > this.#total)
      this.#complaint ??= new Error(
        `status tells of ${counted} restarts, of ${this.#total} that there were`,
      );
    this.#told.set(leader, { counted, sinceCommit, commits: this.#commits });
  }

  /** What the operator writes from here on is written by this leader. */
  acts(leader: number): void {
    this.#acting = leader;
  }

  /** The record was written, by whomever. */
  written(before: StateRecord | undefined, after: StateRecord): void {
    try {
      this.#judge(before, after);
    } catch (error) {
      // An operator takes it for a failed write and tries again.
      this.#complaint ??= error;
      throw error;
    }
  }

  /** Throws the first sentence of what did not hold. */
  holds(): void {
    if (this.#complaint !== undefined) throw this.#complaint;
  }

  /** The job has ended: for a reason that the books know of at that moment. */
  ended(phase: 'Succeeded' | 'Failed', reason: string | undefined): void {
    const deserved =
      this.#verdict === undefined ? this.#deserved(this.#last, 'operator') : [this.#verdict];
    const end = phase === 'Succeeded' ? phase : String(reason);
    check(
      deserved.includes(end),
      `it ended as ${end}, and the books say ${deserved.join(' or ') || 'nothing'}: ${this.#words()}`,
    );
  }

  #judge(before: StateRecord | undefined, after: StateRecord): void {
    if (before === undefined) this.#begun(after);
    else if (after.generation !== before.generation) this.#opened(before, after);
    else {
      this.#committed(before, after);
      if (before.result === undefined && after.result !== undefined)
        this.#decided(after.result, after);
    }
    this.#holds(after);
    this.#last = after;
  }

  #begun(state: StateRecord): void {
    const { generation, restarts, checkpoint } = state;
    this.#openedAt = this.#now();
    if (!this.#wasWiped) {
      check(restarts.counted === 0 && generation === 1, 'a new job begins with an empty account');
      return;
    }
    const { counted, sinceCommit, commits } = this.#told.get(this.#acting) ?? noneTold;
    const least = commits === this.#commits && !this.#isTie ? sinceCommit : 0;
    this.#takeOver(
      state,
      { counted, sinceCommit: least },
      `after the wipe, of step ${checkpoint?.step}`,
    );
  }

  /** What the bus had forgotten comes from status or from the volume: never more than there was, never less than was told. */
  #takeOver(
    { restarts, checkpoint }: StateRecord,
    told: Pick<Told, 'counted' | 'sinceCommit'>,
    when: string,
  ): void {
    const { counted, sinceCommit, window } = restarts;
    const { step = 0 } = checkpoint ?? {};
    check(
      counted <= this.#total,
      `${when}: ${counted} restarts, of ${this.#total} that there were`,
    );
    check(
      counted >= told.counted,
      `${when}: ${counted} restarts, and status had told of ${told.counted}`,
    );
    check(
      sinceCommit >= told.sinceCommit,
      `${when}: ${sinceCommit} restarts since the last checkpoint, and status had told of ${told.sinceCommit}`,
    );
    // One that is behind in its checkpoint is put right before a world is agreed on.
    check(
      step < this.#step || sinceCommit <= this.#sinceProgress,
      `${when}: ${sinceCommit} restarts since the last checkpoint, of ${this.#sinceProgress}`,
    );
    this.#counted = counted;
    this.#sinceCommit = sinceCommit;
    this.#times = window.map((at) => Date.parse(at));
  }

  #opened(before: StateRecord, after: StateRecord): void {
    const { opened, restarts, generation } = after;
    const { cause } = opened;
    const by = opened.by === 'operator' ? 'operator' : 'workers';
    const what = `generation ${generation} of ${cause} by ${by}`;
    const more = restarts.counted - before.restarts.counted;
    const judged = this.#judged(before, by);
    if (this.#wasWiped && cause === 'Start') {
      const least = { counted: before.restarts.counted, sinceCommit: 0 };
      this.#takeOver(after, least, what);
    } else if (charged.has(cause)) {
      check(more === 1, `${what} is charged ${more} times`);
      check(
        this.incidents.mayCharge(judged),
        `${what} is charged, and nothing went wrong: ${this.#words()}`,
      );
      this.#charge();
      check(
        this.#overdrawn() === undefined,
        `${what}: the job goes on although it is ${this.#overdrawn()}: ${this.#words()}`,
      );
    } else {
      check(more === 0, `${what} is charged ${more} times, and is not the fault of the job`);
      const isDeserved =
        this.incidents.isDisturbed(judged) ||
        (cause === 'Resize' && this.incidents.mayResize(before.world?.size));
      check(isDeserved, `${what} is not charged, and nobody did anything to it: ${this.#words()}`);
    }
    this.#openedAt = this.#now();
  }

  #judged({ generation, world }: StateRecord, by: Judged['by']): Judged {
    return { generation, openedAt: this.#openedAt, hasWorld: world !== undefined, by };
  }

  #charge(): void {
    const { windowSeconds } = this.#budget;
    this.#total += 1;
    this.#counted += 1;
    this.#sinceCommit += 1;
    this.#sinceProgress += 1;
    this.#isTie = this.#now() <= this.#committedAt + 1000;
    const from = windowSeconds === 0 ? 0 : this.#now() - windowSeconds * 1000;
    this.#times = [...this.#times, this.#now()].filter((at) => at >= from);
  }

  #committed(before: StateRecord, { checkpoint }: StateRecord): void {
    if ((checkpoint?.step ?? 0) <= (before.checkpoint?.step ?? 0)) return;
    this.#sinceCommit = 0;
    this.#sinceProgress = 0;
    this.#commits += 1;
    this.#committedAt = this.#now();
  }

  #decided(result: NonNullable<StateRecord['result']>, state: StateRecord): void {
    if (result.type === 'Succeeded') {
      this.#verdict = 'Succeeded';
      return;
    }
    const deserved = this.#deserved(state, 'workers');
    this.#verdict = result.reason;
    check(
      deserved.includes(result.reason),
      `the workers say ${result.reason}, and the books ${deserved.join(' or ') || 'nothing'}: ${this.#words()}`,
    );
  }

  /** As what it may fail now, of what went wrong last. */
  #deserved(state: StateRecord | undefined, by: Judged['by']): readonly string[] {
    if (state === undefined) return [];
    const judged = this.#judged(state, by);
    const corrupted = this.incidents.isCorrupted(judged) ? ['CheckpointCorrupted'] : [];
    const reason = this.incidents.mayCharge(judged) ? this.#overdrawn(1) : undefined;
    return reason === undefined ? corrupted : [...corrupted, reason];
  }

  /** Why the account is overdrawn, with so many charges more. */
  #overdrawn(more = 0): string | undefined {
    const { maxRestarts, windowSeconds } = this.#budget;
    const from = this.#now() - windowSeconds * 1000;
    const recent = this.#times.filter((at) => at >= from).length;
    const spent = (windowSeconds === 0 ? this.#counted : recent) + more;
    if (spent > maxRestarts) return 'RestartBudgetExhausted';
    return this.#sinceCommit + more >= noProgressAfter ? 'NoProgress' : undefined;
  }

  #holds(state: StateRecord): void {
    const { generation, world, checkpoint, restarts } = state;
    const { counted, sinceCommit, window } = restarts;
    const step = checkpoint?.step ?? 0;
    // A bus that came back empty is told by status, which may be behind, and by the volume before a world is agreed on.
    if (world !== undefined) {
      check(
        this.isDamaged || step >= this.#step,
        `I8: generation ${generation} trains from step ${step}, and step ${this.#step} was committed`,
      );
      check(
        sinceCommit <= this.#sinceProgress,
        `generation ${generation} has ${sinceCommit} restarts since the last checkpoint held against it, of ${this.#sinceProgress}`,
      );
      this.#step = Math.max(this.#step, step);
    }
    const told = `${counted} restarts, ${window.length} in the window, ${sinceCommit} since the last checkpoint`;
    const books = `${this.#counted}, ${this.#times.length}, ${this.#sinceCommit}`;
    const isSame =
      counted === this.#counted &&
      sinceCommit === this.#sinceCommit &&
      window.length === this.#times.length;
    check(isSame, `generation ${generation} has ${told}; the books say ${books}`);
  }

  #words(): string {
    const opened = (this.#now() - this.#openedAt) / 1000;
    return `${this.incidents.words()}; opened ${opened} s ago, ${this.#counted} counted, ${this.#sinceCommit} since a checkpoint`;
  }
}

const noneTold: Told = { counted: 0, sinceCommit: 0, commits: 0 };
