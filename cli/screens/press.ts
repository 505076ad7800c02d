// The effect of a key, by navigation state. Pure, so that every key can be tested without a
// terminal.
import { keyOf } from '../jobs/job.ts';
import type { Pressed } from '../terminal/pressed.ts';
import { obey } from './command-line.ts';
import { forJob } from './job-keys.ts';
import {
  type Answer,
  type Navigation,
  opened,
  type Question,
  type Seen,
  same,
  viewOf,
} from './navigation.ts';

export function press(navigation: Navigation, pressed: Pressed, seen: Seen): Answer {
  if (navigation.question !== null) return answer(navigation, navigation.question, pressed);
  if (navigation.help) return same({ ...navigation, help: false });
  if (navigation.typing) return same(typed(navigation, pressed));
  if (navigation.command !== null) return commanded(navigation, navigation.command, pressed, seen);
  const { input, key } = pressed;
  if (input === ':') return same({ ...navigation, command: '' });
  if (input === '?') return same({ ...navigation, help: true });
  if (input === 'q') return { navigation, effect: { type: 'Leave' } };
  if (key === 'esc') return back(navigation);
  switch (viewOf(navigation).type) {
    case 'Board':
      return onBoard(navigation, pressed, seen);
    case 'Job':
      return onJob(navigation, pressed, seen);
    case 'Logs':
      return onLogs(navigation, pressed, seen);
    case 'Text':
    case 'Beside':
      return same(scrolled(navigation, pressed, 'Top'));
    case 'Compare':
      return same(navigation);
  }
}

function commanded(
  navigation: Navigation,
  command: string,
  { input, key }: Pressed,
  seen: Seen,
): Answer {
  if (key === 'enter') return obey({ ...navigation, command: null }, command, seen);
  if (key === 'esc' || (key === 'backspace' && command === '')) {
    return same({ ...navigation, command: null });
  }
  const text = key === 'backspace' ? command.slice(0, -1) : command + input;
  return same({ ...navigation, command: text });
}

/** Enter alone never destroys anything: the letter in the question must be pressed. */
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
  if (navigation.marked !== null) return same({ ...navigation, marked: null });
  if (navigation.filter !== '') return same({ ...navigation, filter: '' });
  if (navigation.views.length === 1) return { navigation, effect: { type: 'Leave' } };
  const views = navigation.views.slice(0, -1);
  return same({ ...navigation, views, scroll: 0, frozen: false, rank: null, previous: false });
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
  if (key === 'enter') return opened(navigation, { type: 'Job', key: keyOf(job) });
  if (input === 'c') return compared(navigation, keyOf(job));
  return forJob(navigation, pressed, job, isCluster);
}

/** The first job is marked, the second opens the comparison. */
function compared(navigation: Navigation, key: string): Answer {
  const { marked } = navigation;
  if (marked === null) return same({ ...navigation, marked: key });
  const before = { ...navigation, marked: null };
  return marked === key ? same(before) : opened(before, { type: 'Compare', keys: [marked, key] });
}

/** The screen clamps it to the first line. */
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

function onLogs(navigation: Navigation, pressed: Pressed, { isCluster }: Seen): Answer {
  const { input } = pressed;
  if (input === 'w') return same({ ...navigation, wrap: !navigation.wrap });
  if (input === 't') return same({ ...navigation, times: !navigation.times });
  if (input === 'p' && isCluster) {
    return same({ ...navigation, previous: !navigation.previous, scroll: 0 });
  }
  if (/^\d$/.test(input)) {
    const rank = Number(input);
    return same({ ...navigation, rank: navigation.rank === rank ? null : rank });
  }
  if (input === '/') return same({ ...navigation, typing: true });
  return same(scrolled(navigation, pressed, 'End'));
}

/** A log scrolls from its end, a text from its top. */
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
