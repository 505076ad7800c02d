// Navigation state: a stack of views, a question, the help, and what each view remembers. press.ts
// has the effects of keys.
import type { Job } from '../jobs/job.ts';

export type View =
  | { readonly type: 'Board' }
  | { readonly type: 'Job'; readonly key: string }
  | { readonly type: 'Logs'; readonly key: string }
  | { readonly type: 'Text'; readonly key: string; readonly what: TextOf }
  | { readonly type: 'Compare'; readonly keys: readonly string[] }
  /** A federation or a server of adapters, by `besideKey`. */
  | { readonly type: 'Beside'; readonly key: string };

export type TextOf = 'describe' | 'yaml' | 'why';

export interface Navigation {
  /** The last one is visible. */
  readonly views: readonly View[];
  /** Index of the selected row of the board. */
  readonly row: number;
  readonly filter: string;
  /** The filter is being typed. */
  readonly typing: boolean;
  /** A command that is being typed; null: none. */
  readonly command: string | null;
  /** The first job of a comparison. */
  readonly marked: string | null;
  readonly help: boolean;
  readonly question: Question | null;
  readonly panels: ReadonlySet<number>;
  readonly metric: number;
  readonly axis: number;
  readonly zoom: number;
  /** Lines above the end. */
  readonly scroll: number;
  readonly frozen: boolean;
  /** One worker; null: all. */
  readonly rank: number | null;
  /** For logs: wrap long lines, show times, show the container before the last restart. */
  readonly wrap: boolean;
  readonly times: boolean;
  readonly previous: boolean;
}

export interface Question {
  readonly act: 'pause' | 'resume' | 'cancel' | 'checkpoint';
  readonly key: string;
  readonly text: string;
  readonly yes: string;
}

export type Effect =
  | { readonly type: 'Leave' }
  | { readonly type: 'Act'; readonly act: Question['act']; readonly key: string };

/** What is on the screen. */
export interface Seen {
  readonly rows: readonly Job[];
  /** Includes those that the filter hides. */
  readonly jobs: readonly Job[];
  readonly job: Job | null;
  readonly isCluster: boolean;
}

export function startAt(view: View): Navigation {
  return {
    ...{ views: [view], row: 0, filter: '', typing: false, help: false, question: null },
    ...{ panels: new Set([1, 2, 3]), metric: 0, axis: 0, zoom: 0, scroll: 0, frozen: false },
    ...{ rank: null, wrap: false, times: true, previous: false, command: null, marked: null },
  };
}

export function viewOf({ views }: Navigation): View {
  return views.at(-1) ?? { type: 'Board' };
}

export interface Answer {
  readonly navigation: Navigation;
  readonly effect?: Effect;
  /** Why the key had no effect. */
  readonly said?: string;
}

/** An answer without an effect. */
export const same = (navigation: Navigation): Answer => ({ navigation });

export function opened(navigation: Navigation, view: View): Answer {
  return same({ ...navigation, views: [...navigation.views, view], scroll: 0, filter: '' });
}
