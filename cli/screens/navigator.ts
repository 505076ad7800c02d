// Where a person is, kept beside what is drawn: keys come faster than pictures, and each of them
// has to find what the one before it did.

import { rowsOf } from '../jobs/board-state.ts';
import type { Job } from '../jobs/job.ts';
import type { Pressed } from '../terminal/pressed.ts';
import type { Live } from './live.ts';
import { type Effect, type Navigation, startAt, type View, viewOf } from './navigation.ts';
import { press } from './press.ts';

type Known = Pick<Live, 'board' | 'job'>;

interface NavigatorFacts {
  readonly isCluster: boolean;
  /** Keys that do what others do. */
  readonly keys: Readonly<Record<string, string>>;
}

export class Navigator {
  readonly #live: Known;
  readonly #facts: NavigatorFacts;
  #at: Navigation;
  #rows: { board: Known['board']; filter: string; rows: readonly Job[] } | undefined;

  constructor(live: Known, first: View, facts: NavigatorFacts) {
    this.#live = live;
    this.#facts = facts;
    this.#at = startAt(first);
  }

  get at(): Navigation {
    return this.#at;
  }

  get view(): View {
    return viewOf(this.#at);
  }

  /** Of the board, in their order; the same array while nothing changes. */
  get rows(): readonly Job[] {
    const { board } = this.#live;
    const filter = this.view.type === 'Board' ? this.#at.filter : '';
    if (this.#rows?.board !== board || this.#rows.filter !== filter) {
      this.#rows = { board, filter, rows: rowsOf(board, filter) };
    }
    return this.#rows.rows;
  }

  /**
   * The job that the view is about; null where it is about several, and where nobody knows it yet.
   */
  get job(): Job | null {
    const { view } = this;
    if (view.type === 'Board' || view.type === 'Compare') return null;
    return this.#live.job(view.key).job ?? this.#live.board.jobs.get(view.key) ?? null;
  }

  /** What has to be done besides moving, and what has to be said. */
  press(pressed: Pressed): { readonly effect?: Effect; readonly said?: string } {
    const jobs = [...this.#live.board.jobs.values()];
    const { isCluster, keys } = this.#facts;
    const seen = { rows: this.rows, jobs, job: this.job, isCluster };
    const { typing, command, question } = this.#at;
    // What is typed, and what a question asks for, are letters.
    const isWord = typing || command !== null || question !== null;
    const input = isWord ? pressed.input : (keys[pressed.input] ?? pressed.input);
    const { navigation, ...rest } = press(this.#at, { ...pressed, input }, seen);
    this.#at = navigation;
    return rest;
  }
}
