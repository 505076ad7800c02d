// Navigation state outside of rendering: keys arrive faster than frames, and each must see the
// effect of the one before.

import { rowsOf } from '../jobs/board-state.ts';
import type { Job } from '../jobs/job.ts';
import type { Pressed } from '../terminal/pressed.ts';
import type { Live } from './live.ts';
import { type Effect, type Navigation, startAt, type View, viewOf } from './navigation.ts';
import { press } from './press.ts';

type Known = Pick<Live, 'board' | 'job'>;

interface NavigatorFacts {
  readonly isCluster: boolean;
  /** Keys that act as other keys. */
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

  /** Rows of the board in order; the same array while nothing changes. */
  get rows(): readonly Job[] {
    const { board } = this.#live;
    const filter = this.view.type === 'Board' ? this.#at.filter : '';
    if (this.#rows?.board !== board || this.#rows.filter !== filter) {
      this.#rows = { board, filter, rows: rowsOf(board, filter) };
    }
    return this.#rows.rows;
  }

  /** The job of the visible view; null where it has several, and while it is unknown. */
  get job(): Job | null {
    const { view } = this;
    if (view.type === 'Board' || view.type === 'Compare' || view.type === 'Beside') return null;
    return this.#live.job(view.key).job ?? this.#live.board.jobs.get(view.key) ?? null;
  }

  /** Applies a key; returns the effect to perform and the message to show. */
  press(pressed: Pressed): { readonly effect?: Effect; readonly said?: string } {
    const jobs = [...this.#live.board.jobs.values()];
    const { isCluster, keys } = this.#facts;
    const seen = { rows: this.rows, jobs, job: this.job, isCluster };
    const { typing, command, question } = this.#at;
    // While typing or answering a question, keys are letters.
    const isWord = typing || command !== null || question !== null;
    const input = isWord ? pressed.input : (keys[pressed.input] ?? pressed.input);
    const { navigation, ...rest } = press(this.#at, { ...pressed, input }, seen);
    this.#at = navigation;
    return rest;
  }
}
