// The full screen: one view at a time, its keys below, a question or the help above it. Data flows one way, from live.ts; keys go through
// navigation.ts; what they cause is done by whoever opened the screen.
import { Box, useApp, useInput, useWindowSize } from 'ink';
import { type ReactNode, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { Help, KeyBar } from '../components/keys.tsx';
import { Line, type Look, Rule } from '../components/line.tsx';
import type { GlyphSet } from '../format/glyphs.ts';
import type { Job } from '../jobs/job.ts';
import { JobScreen } from './job/screen.tsx';
import { rowsOf } from './jobs/model.ts';
import { Board } from './jobs/screen.tsx';
import { type Key, keysOf } from './keys-of.ts';
import type { Live } from './live.ts';
import { Logs, Pages } from './logs/screen.tsx';
import { type Navigation, press, type Question, startAt, type View, viewOf } from './navigation.ts';
import { pressedOf } from './pressed.ts';

export interface AppProps {
  readonly live: Live;
  readonly first: View;
  readonly place: string;
  readonly isCluster: boolean;
  readonly namespaces: boolean;
  readonly glyphs: GlyphSet;
  readonly color: boolean;
  readonly now: () => Date;
  /** Ctrl-C: not the same as leaving by a key. */
  readonly interrupted: () => void;
  readonly act: (act: Question['act'], job: Job) => Promise<string>;
  readonly textOf: (what: 'describe' | 'yaml' | 'why', job: Job, columns: number) => string;
}

/** Time that passes without a message is shown too. On the board that is ages alone, of many rows. */
const tickMs = { seconds: 1_000, ages: 2_000 } as const;

export function App(props: AppProps): ReactNode {
  const { live, first, now } = props;
  const { exit } = useApp();
  const { columns, rows } = useWindowSize();
  const [at, setAt] = useState(() => startAt(first));
  const [said, setSaid] = useState('');
  const [, setTick] = useState(0);
  useSyncExternalStore(live.subscribe, () => live.version);
  const look: Look = {
    ...{ columns: Math.max(20, columns), rows: Math.max(8, rows) },
    ...{ glyphs: props.glyphs, color: props.color, now: now().getTime() / 1000 },
  };
  const view = viewOf(at);
  const { board } = live;
  const every = view.type === 'Board' && board.away === null ? tickMs.ages : tickMs.seconds;
  useEffect(() => {
    const timer = setInterval(() => setTick((count) => count + 1), every);
    return () => clearInterval(timer);
  }, [every]);
  const filter = view.type === 'Board' ? at.filter : '';
  const list = useMemo(() => rowsOf(board, filter), [board, filter]);
  const job = jobOf(view, live);
  useOpened(live, view, job);
  useInput((input, key) => {
    if (key.ctrl && input === 'c') {
      props.interrupted();
      return exit();
    }
    const seen = { rows: list, job, isCluster: props.isCluster };
    const { navigation, effect } = press(at, pressedOf(input, key), seen);
    setAt(navigation);
    setSaid('');
    if (effect?.type === 'Leave') return exit();
    if (effect?.type !== 'Act') return;
    const about = live.board.jobs.get(effect.key);
    if (about === undefined) return;
    setSaid(`${effect.act} ${about.name}…`);
    props.act(effect.act, about).then(setSaid, (error: Error) => setSaid(error.message));
  });
  const keys = keysOf(view, job ?? list[at.row] ?? null, props.isCluster);
  const body = <Body {...props} look={look} at={at} list={list} view={view} job={job} />;
  const frozen = useFrozen(body, at.frozen);
  return (
    <Box flexDirection="column" height={look.rows} width={look.columns} overflow="hidden">
      <Box flexDirection="column" flexGrow={1} overflow="hidden">
        {at.help ? <Help look={look} keys={keys} title={titles[view.type]} /> : frozen}
      </Box>
      <Foot look={look} at={at} said={said} keys={keys} />
    </Box>
  );
}

const titles = { Board: 'the board', Job: 'a job', Logs: 'the logs', Text: 'a text' } as const;

interface BodyProps extends AppProps {
  readonly look: Look;
  readonly at: Navigation;
  readonly list: readonly Job[];
  readonly view: View;
  readonly job: Job | null;
}

function Body({ live, look, at, list, view, job, ...props }: BodyProps): ReactNode {
  switch (view.type) {
    case 'Board': {
      const { filter, typing, row: chosen } = at;
      const { place, namespaces } = props;
      const board = { board: live.board, rows: list, chosen, filter, typing };
      return <Board look={look} place={place} namespaces={namespaces} {...board} />;
    }
    case 'Job':
      return <JobScreen look={look} name={nameOf(view.key)} state={live.job(view.key)} at={at} />;
    case 'Logs': {
      const { scroll, rank, typing, filter: search } = at;
      const shown = { lines: live.lines(view.key), scroll, rank, search, typing };
      return <Logs look={look} name={nameOf(view.key)} {...shown} />;
    }
    case 'Text': {
      const text = job === null ? 'asking for the job' : props.textOf(view.what, job, look.columns);
      const title = `${view.what} ${nameOf(view.key)}`;
      return <Pages look={look} title={title} text={text} scroll={at.scroll} />;
    }
  }
}

interface FootProps {
  readonly look: Look;
  readonly at: Navigation;
  readonly said: string;
  readonly keys: readonly Key[];
}

function Foot({ look, at: { question }, said, keys }: FootProps): ReactNode {
  if (question !== null) {
    return (
      <>
        <Rule look={look} title="" />
        <Line look={look} style={{ color: 'yellow', bold: true }}>
          {`${question.text}  ${question.yes} ${question.act} · any other key: no`}
        </Line>
      </>
    );
  }
  if (said !== '') return <Line look={look}>{said}</Line>;
  return <KeyBar look={look} keys={keys} />;
}

/** What was drawn when it was frozen. */
function useFrozen(body: ReactNode, frozen: boolean): ReactNode {
  const kept = useRef<ReactNode>(body);
  if (!frozen) kept.current = body;
  return frozen ? kept.current : body;
}

function jobOf(view: View, live: Live): Job | null {
  if (view.type === 'Board') return null;
  return live.job(view.key).job ?? live.board.jobs.get(view.key) ?? null;
}

/** Listens to the workers of the job in view; a second call for the same job does nothing. */
function useOpened(live: Live, view: View, job: Job | null): void {
  useEffect(() => {
    if (job !== null) live.open(job, view.type === 'Logs');
  }, [live, view, job]);
}

function nameOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
