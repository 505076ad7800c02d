// The books of a simulated job, kept beside those of the product and by none of its functions: from
// what happened to it (incidents.ts), what was told in status, and every state record that is
// written follows what may be charged, and why the job may end.
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
/**
 * Times of checkpoints have whole seconds: of one and a restart in the same, nobody can tell which
 * came first.
 */
const tieMs = 1000;
/**
 * As docs/reference/failures.md has them: why a new rendezvous round begins, and whether it is
 * counted.
 */
const charged: ReadonlySet<string> = new Set([
  ...['ProcessFailed', 'PodFailed', 'Hang', 'MemberUnreachable'],
]);

/** What a leader knows of the job once it has heard of everything. */
interface Told {
  readonly counted: number;
  readonly sinceCommit: number;
  readonly inWindow: number;
  /** Time of the last restart that it tells of. */
  readonly lastRestart: number;
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
  /** The newest checkpoint, whether it was progress or not. */
  #committedAt = Number.NEGATIVE_INFINITY;
  /** Of the newest checkpoint that was ever committed. */
  #step = 0;
  #openedAt = 0;
  #wasWiped = false;
  readonly #told = new Map<number, Told>();
  /** What status told of restarts when one of them was not in the record yet. */
  #promised: { readonly at: number; readonly counted: number } | undefined;
  #acting = 0;
  /** Why the job has to end, and as what. */
  #verdict: string | undefined;
  #last: StateRecord | undefined;
  #complaint: unknown;
  /**
   * The record was written from status after a wipe, and the volume was not asked yet, which is
   * before the next world.
   */
  isBehind = false;
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
  sees(leader: number, { restarts, workerRevision = 0 }: FineTuneJobStatus = {}): void {
    const { counted = 0, sinceCommit = 0, window = [] } = restarts ?? {};
    const inWindow = window.length;
    const lastRestart = Date.parse(window.at(-1) ?? '');
    this.#told.set(leader, { counted, sinceCommit, inWindow, lastRestart });
    if (counted > this.#total) this.#complain(() => this.#promises(counted, workerRevision));
  }

  /**
   * A step to the next revision is written into status first, with what it costs, and then into the
   * record.
   */
  #promises(counted: number, next: number): void {
    const { workerRevision = 0 } = this.#last ?? {};
    const most = this.#total + (next > workerRevision ? 1 : 0);
    check(counted <= most, `status tells of ${counted} restarts, of ${most} that there were`);
    if (this.#promised !== undefined || this.#last === undefined) return;
    check(
      this.incidents.mayCharge(this.#judged(this.#last, 'operator')),
      `the step to revision ${next} is charged, and nothing went wrong: ${this.#words()}`,
    );
    this.#promised = { at: this.#now(), counted };
  }

  /** What the operator writes from here on is written by this leader. */
  acts(leader: number): void {
    this.#acting = leader;
  }

  /** The record was written, by whomever. */
  written(before: StateRecord | undefined, after: StateRecord): void {
    this.#complain(() => this.#judge(before, after));
  }

  #complain(judge: () => void): void {
    try {
      judge();
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
    else if (after.round !== before.round) this.#opened(before, after);
    else {
      this.#committed(before, after);
      if (before.result === undefined && after.result !== undefined)
        this.#decided(after.result, after);
    }
    this.#holds(after);
    this.#last = after;
  }

  #begun(state: StateRecord): void {
    const { round, restarts, checkpoint } = state;
    this.#openedAt = this.#now();
    if (!this.#wasWiped) {
      check(restarts.counted === 0 && round === 1, 'a new job begins with an empty account');
      return;
    }
    this.isBehind = true;
    const told = this.#told.get(this.#acting) ?? noneTold;
    const isOpen = told.lastRestart > this.#committedAt + tieMs;
    const least = { ...told, sinceCommit: isOpen ? told.sinceCommit : 0 };
    this.#takeOver(state, least, `after the wipe, of step ${checkpoint?.step}`);
  }

  /**
   * What the bus had forgotten comes from status or from the volume: never more than there was,
   * never less than was told.
   */
  #takeOver(
    { restarts, checkpoint }: StateRecord,
    told: Omit<Told, 'lastRestart'>,
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
    check(
      window.length >= told.inWindow,
      `${when}: ${window.length} restarts in the window, and status had told of ${told.inWindow}`,
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
    const { opened, restarts, round } = after;
    const { cause } = opened;
    const by = opened.by === 'operator' ? 'operator' : 'workers';
    const what = `round ${round} of ${cause} by ${by}`;
    const more = restarts.counted - before.restarts.counted;
    const judged = this.#judged(before, by);
    if (this.#wasWiped && cause === 'Start') {
      const { counted, window } = before.restarts;
      const least = { counted, sinceCommit: 0, inWindow: window.length };
      this.#takeOver(after, least, what);
    } else if (this.#promised !== undefined && after.workerRevision > before.workerRevision) {
      this.#keepPromise(this.#promised, restarts, what);
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
    this.#promised = undefined;
    this.#openedAt = this.#now();
  }

  #keepPromise(
    { at, counted }: { readonly at: number; readonly counted: number },
    restarts: StateRecord['restarts'],
    what: string,
  ): void {
    check(
      restarts.counted === counted,
      `${what} has ${restarts.counted} restarts, and status had told of ${counted} before`,
    );
    // Not where workers charged meanwhile for what may have been the same.
    if (this.#counted < counted) this.#charge(at);
  }

  #judged({ round, world }: StateRecord, by: Judged['by']): Judged {
    return { round, openedAt: this.#openedAt, hasWorld: world !== undefined, by };
  }

  #charge(at = this.#now()): void {
    const { windowSeconds } = this.#budget;
    this.#total += 1;
    this.#counted += 1;
    this.#sinceCommit += 1;
    this.#sinceProgress += 1;
    const from = windowSeconds === 0 ? 0 : at - windowSeconds * 1000;
    this.#times = [...this.#times, at].filter((each) => each >= from);
  }

  #committed(before: StateRecord, { checkpoint }: StateRecord): void {
    const { step = 0, round } = checkpoint ?? {};
    const known = before.checkpoint;
    if (step === known?.step && round === known.round) return;
    // Status tells when a checkpoint was committed, not of what step the one before it was.
    if (checkpoint !== undefined) this.#committedAt = this.#now();
    // Of a lower step after one that was damaged, which is no progress.
    if (step <= (known?.step ?? 0)) return;
    this.#sinceCommit = 0;
    this.#sinceProgress = 0;
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
    const { round, world, checkpoint, restarts } = state;
    const { counted, sinceCommit, window } = restarts;
    const step = checkpoint?.step ?? 0;
    // A bus that came back empty is told by status, which may be behind, and by the volume before a
    // world is agreed on.
    if (world !== undefined) {
      check(
        this.isDamaged || step >= this.#step,
        `I8: round ${round} trains from step ${step}, and step ${this.#step} was committed`,
      );
      check(
        sinceCommit <= this.#sinceProgress,
        `round ${round} has ${sinceCommit} restarts since the last checkpoint held against it, of ${this.#sinceProgress}`,
      );
      this.#step = Math.max(this.#step, step);
      this.isBehind = false;
    }
    const told = `${counted} restarts, ${window.length} in the window, ${sinceCommit} since the last checkpoint`;
    const books = `${this.#counted}, ${this.#times.length}, ${this.#sinceCommit}`;
    const isSame =
      counted === this.#counted &&
      sinceCommit === this.#sinceCommit &&
      window.length === this.#times.length;
    check(isSame, `round ${round} has ${told}; the books say ${books}`);
  }

  #words(): string {
    const opened = (this.#now() - this.#openedAt) / 1000;
    return `${this.incidents.words()}; opened ${opened} s ago, ${this.#counted} counted, ${this.#sinceCommit} since a checkpoint`;
  }
}

const noneTold: Told = { counted: 0, sinceCommit: 0, inWindow: 0, lastRestart: 0 };
