// What a schedule did to a job whose workers only end, save and mend: so much it may be charged
// for, and no more. Several faults may come to one incident, so this bounds the account from above;
// what it has to be exactly is in account.ts, which can see trainers.
import type { Budget } from './account.ts';

export class Injected {
  readonly #budget: Budget;
  readonly #now: () => number;
  readonly #hasBus: boolean;
  #faults: number[] = [];
  #sinceSave = 0;
  /** A worker ended with a code that no restart mends. */
  #hasPermanent = false;

  constructor(budget: Budget, hasBus: boolean, now: () => number) {
    this.#budget = budget;
    this.#hasBus = hasBus;
    this.#now = now;
  }

  fault(): void {
    this.#faults.push(this.#now());
    this.#sinceSave += 1;
  }

  permanent(): void {
    this.#hasPermanent = true;
  }

  save(): void {
    this.#sinceSave = 0;
  }

  /** Why a job that failed of `reason` should not have; undefined where it had to. */
  complaint(reason: string | undefined): string | undefined {
    const { maxRestarts } = this.#budget;
    const told = `${this.#faults.length} faults, ${this.#mostInWindow()} of them in a window, ${this.#sinceSave} since the last save`;
    switch (reason) {
      case 'RestartBudgetExhausted':
        return this.#mostInWindow() > maxRestarts
          ? undefined
          : `${told}, ${maxRestarts} are allowed`;
      case 'NoProgress':
        return this.#hasBus && this.#sinceSave >= 3 ? undefined : told;
      default:
        return this.#hasPermanent ? undefined : `no end of a worker was for good; ${told}`;
    }
  }

  /** Of any window of its length. */
  #mostInWindow(): number {
    const { windowSeconds } = this.#budget;
    if (windowSeconds === 0) return this.#faults.length;
    const inWindow = (end: number) =>
      this.#faults.filter((at) => at <= end && at >= end - windowSeconds * 1000 - slackMs).length;
    return Math.max(0, ...this.#faults.map(inWindow));
  }
}

/** A fault is charged when the operator looks, which may be later than it came. */
const slackMs = 120_000;
