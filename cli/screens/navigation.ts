// Where a person is and what a key means there: views that lie on each other, a question, the help. Pure, so that every key can be tested
// without a terminal.
import { isTerminal } from '../../crds/index.ts';
import { type Job, phaseOf } from '../jobs/job.ts';
import type { Pressed } from './pressed.ts';

export type View =
  | { readonly type: 'Board' }
  | { readonly type: 'Job'; readonly key: string }
  | { readonly type: 'Logs'; readonly key: string }
  | { readonly type: 'Text'; readonly key: string; readonly what: 'describe' | 'yaml' | 'why' };

export interface Navigation {
  /** The last one is seen. */
  readonly views: readonly View[];
  /** Number of the chosen row of the board. */
  readonly row: number;
  readonly filter: string;
  /** Something is being typed. */
  readonly typing: boolean;
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
}

export interface Question {
  readonly act: 'pause' | 'resume' | 'cancel' | 'checkpoint';
  readonly key: string;
  readonly text: string;
  readonly yes: string;
}

type Effect =
  | { readonly type: 'Leave' }
  | { readonly type: 'Act'; readonly act: Question['act']; readonly key: string };

/** What is on the screen. */
export interface Seen {
  readonly rows: readonly Job[];
  readonly job: Job | null;
  readonly isCluster: boolean;
}

export function startAt(view: View): Navigation {
  return {
    ...{ views: [view], row: 0, filter: '', typing: false, help: false, question: null },
    ...{ panels: new Set([1, 2, 3]), metric: 0, axis: 0, zoom: 0, scroll: 0, frozen: false },
    rank: null,
  };
}

export function viewOf({ views }: Navigation): View {
  return views.at(-1) ?? { type: 'Board' };
}

interface Answer {
  readonly navigation: Navigation;
  readonly effect?: Effect;
}

const same = (navigation: Navigation): Answer => ({ navigation });

export function press(navigation: Navigation, pressed: Pressed, seen: Seen): Answer {
  if (navigation.question !== null) return answer(navigation, navigation.question, pressed);
  if (navigation.help) return same({ ...navigation, help: false });
  if (navigation.typing) return same(typed(navigation, pressed));
  const { input, key } = pressed;
  if (input === '?') return same({ ...navigation, help: true });
  if (input === 'q') return { navigation, effect: { type: 'Leave' } };
  if (key === 'esc') return back(navigation);
  switch (viewOf(navigation).type) {
    case 'Board':
      return onBoard(navigation, pressed, seen);
    case 'Job':
      return onJob(navigation, pressed, seen);
    case 'Logs':
      return onLogs(navigation, pressed);
    case 'Text':
      return same(scrolled(navigation, pressed, 'Top'));
  }
}

/** Enter alone never destroys: the letter of the question has to be pressed. */
function answer(navigation: Navigation, { act, key, yes }: Question, { input }: Pressed): Answer {
  const closed = { ...navigation, question: null };
  if (input.toLowerCase() === yes) return { navigation: closed, effect: { type: 'Act', act, key } };
  return same(closed);
}

function typed(navigation: Navigation, { input, key }: Pressed): Navigation {
  if (key === 'enter') return { ...navigation, typing: false };
  if (key === 'esc') return { ...navigation, typing: false, filter: '' };
  if (key === 'backspace') return { ...navigation, filter: navigation.filter.slice(0, -1) };
  return { ...navigation, filter: navigation.filter + input, row: 0 };
}

function back(navigation: Navigation): Answer {
  if (navigation.filter !== '') return same({ ...navigation, filter: '' });
  if (navigation.views.length === 1) return { navigation, effect: { type: 'Leave' } };
  const views = navigation.views.slice(0, -1);
  return same({ ...navigation, views, scroll: 0, frozen: false, rank: null });
}

function opened(navigation: Navigation, view: View): Answer {
  return same({ ...navigation, views: [...navigation.views, view], scroll: 0, filter: '' });
}

function onBoard(navigation: Navigation, pressed: Pressed, { rows, isCluster }: Seen): Answer {
  const { input, key } = pressed;
  const last = Math.max(0, rows.length - 1);
  const to = (row: number) => same({ ...navigation, row: Math.max(0, Math.min(last, row)) });
  if (key === 'down' || input === 'j') return to(navigation.row + 1);
  if (key === 'up' || input === 'k') return to(navigation.row - 1);
  if (key === 'pageDown') return to(navigation.row + 10);
  if (key === 'pageUp') return to(navigation.row - 10);
  if (input === 'g') return to(0);
  if (input === 'G') return to(last);
  if (input === '/') return same({ ...navigation, typing: true });
  const job = rows[Math.min(last, navigation.row)];
  if (job === undefined) return same(navigation);
  const place = `${job.namespace}/${job.name}`;
  if (key === 'enter') return opened(navigation, { type: 'Job', key: place });
  return forJob(navigation, pressed, job, isCluster);
}

/** The screen stops at the first line. */
const farAway = 1e9;
const axisCount = 3;
const metricCount = 4;
const mostZoom = 6;

function onJob(navigation: Navigation, pressed: Pressed, { job, isCluster }: Seen): Answer {
  const { input } = pressed;
  if (/^[1-4]$/.test(input)) {
    const panel = Number(input);
    const panels = new Set(navigation.panels);
    if (!panels.delete(panel)) panels.add(panel);
    return same({ ...navigation, panels });
  }
  const change = jobKeys[input];
  if (change !== undefined) return same(change(navigation));
  return job === null ? same(navigation) : forJob(navigation, pressed, job, isCluster);
}

const jobKeys: Readonly<Record<string, (navigation: Navigation) => Navigation>> = {
  m: (at) => ({ ...at, metric: (at.metric + 1) % metricCount }),
  X: (at) => ({ ...at, axis: (at.axis + 1) % axisCount }),
  '[': (at) => ({ ...at, zoom: Math.max(0, at.zoom - 1) }),
  ']': (at) => ({ ...at, zoom: Math.min(mostZoom, at.zoom + 1) }),
  ' ': (at) => ({ ...at, frozen: !at.frozen }),
};

/** Keys that mean the same wherever a job is chosen. */
function forJob(navigation: Navigation, { input }: Pressed, job: Job, isCluster: boolean): Answer {
  const key = `${job.namespace}/${job.name}`;
  if (input === 'l') return opened(navigation, { type: 'Logs', key });
  if (input === 'd') return opened(navigation, { type: 'Text', key, what: 'describe' });
  if (input === 'y') return opened(navigation, { type: 'Text', key, what: 'yaml' });
  if (input === 'w') return opened(navigation, { type: 'Text', key, what: 'why' });
  // Nothing ends by it, so nobody is asked.
  if (input === 's' && whyNot('checkpoint', job, isCluster) === undefined) {
    return { navigation, effect: { type: 'Act', act: 'checkpoint', key } };
  }
  if (input === 'p' && whyNot('pause', job, isCluster) === undefined) {
    return same({ ...navigation, question: pauseQuestion(job, key) });
  }
  if (input === 'x' && whyNot('cancel', job, isCluster) === undefined) {
    const text = `Cancel ${job.name}? It saves first; checkpoints and results stay.`;
    return same({ ...navigation, question: { act: 'cancel', key, text, yes: 'c' } });
  }
  return same(navigation);
}

function pauseQuestion(job: Job, key: string): Question {
  return job.spec.suspend
    ? { act: 'resume', key, text: `Let ${job.name} go on?`, yes: 'r' }
    : {
        act: 'pause',
        key,
        text: `Pause ${job.name}? It saves, then gives its devices back.`,
        yes: 'p',
      };
}

/** Why a key does nothing now; undefined where it does. */
export function whyNot(
  act: 'pause' | 'cancel' | 'checkpoint',
  job: Job | null,
  isCluster: boolean,
): string | undefined {
  if (!isCluster) {
    return act === 'checkpoint'
      ? 'a run of this machine saves when its file says so'
      : 'stop it with Ctrl-C where it was started';
  }
  if (job === null) return 'no job is chosen';
  if (isTerminal(phaseOf(job))) return 'the job has ended';
  if (act === 'checkpoint' && job.spec.suspend === true) return 'it is paused and saved';
  return job.deleting ? `it is being deleted; ${act} comes too late` : undefined;
}

function onLogs(navigation: Navigation, pressed: Pressed): Answer {
  const { input } = pressed;
  if (/^\d$/.test(input)) {
    const rank = Number(input);
    return same({ ...navigation, rank: navigation.rank === rank ? null : rank });
  }
  if (input === '/') return same({ ...navigation, typing: true });
  return same(scrolled(navigation, pressed, 'End'));
}

/** A log is read from its end, a text from its top. */
function scrolled(
  navigation: Navigation,
  { input, key }: Pressed,
  from: 'Top' | 'End',
): Navigation {
  const sign = from === 'End' ? 1 : -1;
  const by = (lines: number) => ({
    ...navigation,
    scroll: Math.max(0, navigation.scroll + sign * lines),
  });
  if (key === 'up' || input === 'k') return by(1);
  if (key === 'down' || input === 'j') return by(-1);
  if (key === 'pageUp') return by(10);
  if (key === 'pageDown') return by(-10);
  const far = from === 'End' ? 'g' : 'G';
  const near = from === 'End' ? 'G' : 'g';
  if (input === far) return { ...navigation, scroll: farAway };
  const follows = from === 'End' && input === 'f';
  return input === near || follows ? { ...navigation, scroll: 0 } : navigation;
}
