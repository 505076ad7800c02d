// The full screen: one view, its keys below, a question or the help on top. Data flows one way,
// from live.ts; keys go through press.ts; the caller of the screen performs their effects.
import { Box, useApp, useInput, useWindowSize } from 'ink';
import {
  type ReactNode,
  useEffect,
  useReducer,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { Help, type Key, KeyBar } from '../components/keys.tsx';
import { type Display, Line, Rule } from '../components/line.tsx';
import type { Job } from '../jobs/job.ts';
import type { GlyphSet } from '../terminal/glyphs.ts';
import type { Colors } from '../terminal/palette.ts';
import { pressesOf } from '../terminal/pressed.ts';
import { BesideScreen } from './beside/screen.tsx';
import { LiveComparison } from './compare/live-comparison.tsx';
import { JobScreen } from './job/screen.tsx';
import { Board } from './jobs/screen.tsx';
import { keysOf } from './keys-of.ts';
import type { Live } from './live.ts';
import { Logs, Pages } from './logs/screen.tsx';
import type { Effect, Navigation, Question, TextOf, View } from './navigation.ts';
import { Navigator } from './navigator.ts';

export interface AppProps {
  readonly live: Live;
  readonly first: View;
  readonly location: string;
  readonly isCluster: boolean;
  /** Keys that act as other keys. */
  readonly keys: Readonly<Record<string, string>>;
  readonly namespaces: boolean;
  readonly glyphs: GlyphSet;
  readonly color: Colors;
  /** Render only for new data or a key. */
  readonly still: boolean;
  readonly now: () => Date;
  /** Ctrl-C, as opposed to quitting by a key. */
  readonly interrupted: () => void;
  readonly act: (act: Question['act'], job: Job) => Promise<string>;
  readonly textOf: (what: TextOf, job: Job, columns: number) => string;
}

/**
 * Interval of rendering without messages: views that show elapsed time, such as ages of jobs or of
 * a lost connection.
 */
function tickMs(view: View, isAway: boolean): number | null {
  if (view.type === 'Job' || view.type === 'Beside' || isAway) return 1_000;
  return view.type === 'Board' ? 5_000 : null;
}

export function App(props: AppProps): ReactNode {
  const { live, first, now } = props;
  const { exit } = useApp();
  const { columns, rows } = useWindowSize();
  const [navigator] = useState(() => new Navigator(live, first, props));
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const [said, setSaid] = useState('');
  useSyncExternalStore(live.subscribe, () => live.version);
  const display: Display = {
    ...{ columns: Math.max(20, columns), rows: Math.max(8, rows) },
    ...{ glyphs: props.glyphs, color: props.color, now: now().getTime() / 1000 },
    still: props.still,
  };
  const { at, view, rows: list, job } = navigator;
  const every = props.still ? null : tickMs(view, live.board.away !== null);
  useEffect(() => {
    if (every === null) return;
    const timer = setInterval(redraw, every);
    return () => clearInterval(timer);
  }, [every]);
  useOpened(live, at, view, job);
  useInput((input, key) => {
    if (key.ctrl && input === 'c') {
      props.interrupted();
      return exit();
    }
    setSaid('');
    for (const pressed of pressesOf(input, key)) {
      const { effect, said: words } = navigator.press(pressed);
      if (words !== undefined) setSaid(words);
      if (effect?.type === 'Leave') return exit();
      if (effect !== undefined) act(effect);
    }
    redraw();
  });
  const act = (effect: Extract<Effect, { type: 'Act' }>): void => {
    const about = live.board.jobs.get(effect.key);
    if (about === undefined) return;
    setSaid(`${effect.act} ${about.name}…`);
    props.act(effect.act, about).then(setSaid, (error: Error) => setSaid(error.message));
  };
  const keys = keysOf(view, job ?? list[at.row] ?? null, props.isCluster);
  const body = <Body {...props} display={display} at={at} list={list} view={view} job={job} />;
  const frozen = useFrozen(body, at.frozen);
  return (
    <Box flexDirection="column" height={display.rows} width={display.columns} overflow="hidden">
      <Box flexDirection="column" flexGrow={1} overflow="hidden">
        {/* What is too long is cut at its end, not squeezed. */}
        <Box flexDirection="column" flexShrink={0}>
          {at.help ? <Help display={display} keys={keys} title={titles[view.type]} /> : frozen}
        </Box>
      </Box>
      <Foot display={display} at={at} said={said} keys={keys} />
    </Box>
  );
}

const titles = {
  ...{ Board: 'the board', Job: 'a job', Logs: 'the logs', Text: 'a text' },
  ...{ Compare: 'a comparison', Beside: 'a server or a federation' },
} as const;

interface BodyProps extends AppProps {
  readonly display: Display;
  readonly at: Navigation;
  readonly list: readonly Job[];
  readonly view: View;
  readonly job: Job | null;
}

function Body({ live, display, at, list, view, job, ...props }: BodyProps): ReactNode {
  switch (view.type) {
    case 'Board': {
      const { filter, typing, row: chosen, marked } = at;
      const { location, namespaces } = props;
      const board = {
        board: live.board,
        beside: live.beside,
        rows: list,
        chosen,
        filter,
        typing,
        marked,
      };
      return <Board display={display} location={location} namespaces={namespaces} {...board} />;
    }
    case 'Job':
      return (
        <JobScreen display={display} name={nameOf(view.key)} state={live.job(view.key)} at={at} />
      );
    case 'Logs': {
      const { scroll, rank, typing, filter: search, wrap, times, previous } = at;
      const lines = live.lines(view.key, previous);
      const shown = { lines, scroll, rank, search, typing, wrap, times, previous };
      return <Logs display={display} name={nameOf(view.key)} {...shown} />;
    }
    case 'Text': {
      const text = job === null ? 'loading the job' : props.textOf(view.what, job, display.columns);
      const title = `${view.what} ${nameOf(view.key)}`;
      return <Pages display={display} title={title} text={text} scroll={at.scroll} />;
    }
    case 'Beside':
      return (
        <BesideScreen
          display={display}
          name={view.key.slice(view.key.lastIndexOf('/') + 1)}
          one={live.besideJob(view.key)}
          scroll={at.scroll}
        />
      );
    case 'Compare':
      return <Compared display={display} live={live} keys={view.keys} />;
  }
}

interface ComparedProps {
  readonly display: Display;
  readonly live: Live;
  readonly keys: readonly string[];
}

/** The messages of their workers are received while the comparison is visible. */
function Compared({ display, live, keys }: ComparedProps): ReactNode {
  const [stop] = useState(() => new AbortController());
  const [histories] = useState(() => live.histories(keys, stop.signal));
  useEffect(() => () => stop.abort(), [stop]);
  // One row is for the keys of the whole screen.
  const rows = { ...display, rows: display.rows - 1 };
  const shown = { display: rows, histories, equal: 'tokens', metric: 'loss', keys: '' } as const;
  return <LiveComparison {...shown} />;
}

interface FootProps {
  readonly display: Display;
  readonly at: Navigation;
  readonly said: string;
  readonly keys: readonly Key[];
}

function Foot({ display, at: { question, command, marked }, said, keys }: FootProps): ReactNode {
  if (command !== null) return <Line display={display}>{`:${command}▏`}</Line>;
  if (question !== null) {
    return (
      <>
        <Rule display={display} title="" />
        <Line display={display} style={{ color: 'yellow', bold: true }}>
          {`${question.text}  ${question.yes} ${question.act} · any other key: no`}
        </Line>
      </>
    );
  }
  if (said !== '') return <Line display={display}>{said}</Line>;
  if (marked !== null) {
    const words = `compare ${nameOf(marked)} with which job? select it and press c · esc: cancel`;
    return (
      <Line display={display} style={{ bold: true }}>
        {words}
      </Line>
    );
  }
  return <KeyBar display={display} keys={keys} />;
}

/** The last body before it was frozen. */
function useFrozen(body: ReactNode, frozen: boolean): ReactNode {
  const kept = useRef<ReactNode>(body);
  if (!frozen) kept.current = body;
  return frozen ? kept.current : body;
}

/** Subscribes to the workers of the visible job; a second call for the same job does nothing. */
function useOpened(live: Live, { previous }: Navigation, view: View, job: Job | null): void {
  useEffect(() => {
    if (view.type === 'Board' || view.type === 'Beside') live.followBeside();
    if (job !== null) live.open(job, { logs: view.type === 'Logs', previous });
  }, [live, view, job, previous]);
}

function nameOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
