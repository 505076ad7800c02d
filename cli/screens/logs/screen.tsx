// Logs of the workers, and texts longer than the window.
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { type Display, ends, Line, Rule } from '../../components/line.tsx';
import type { LogLine } from '../../jobs/source.ts';
import { wrap } from '../../terminal/wrap.ts';
import { type FoldedLine, foldLines, isWanted, logLineText } from '../../text/log-lines.ts';

interface LogsProps {
  readonly display: Display;
  readonly name: string;
  readonly lines: readonly LogLine[];
  /** Lines above the end. */
  readonly scroll: number;
  readonly rank: number | null;
  readonly search: string;
  readonly typing: boolean;
  /** Long lines are wrapped. */
  readonly wrap?: boolean;
  readonly times?: boolean;
  /** Of the containers before the last restart. */
  readonly previous?: boolean;
}

const plain = { paint: (text: string) => text, marks: true };
const levelStyles = {
  error: { color: 'red', bold: true },
  warn: { color: 'yellow' },
  info: {},
  debug: { dim: true },
} as const;

export function Logs(props: LogsProps): ReactNode {
  const { display, name, lines, scroll, rank, search, typing } = props;
  const height = Math.max(1, display.rows - 4 - (typing || search !== '' ? 1 : 0));
  const words = search.toLowerCase();
  const filter = {
    ranks: rank === null ? undefined : new Set([rank]),
    ...{ since: undefined, grep: undefined, least: 'info' as const },
  };
  const isShown = (line: LogLine): boolean =>
    isWanted(line, filter) && (words === '' || line.text.toLowerCase().includes(words));
  // Only what is visible is sorted and folded; a margin of five screens catches late lines.
  const near = lastOf(lines, isShown, scroll + 5 * height);
  const rows = foldLines(near).flatMap((line) => rowsOf(line, props));
  const up = Math.min(scroll, Math.max(0, rows.length - height));
  const last = rows.length - up;
  const shown = rows.slice(Math.max(0, last - height), last);
  const where = props.previous ? '' : up === 0 ? 'following' : `${up} lines above the end`;
  const who = rank === null ? 'all workers' : `worker ${rank}`;
  const when = props.previous ? ' before the last restart' : '';
  const nothing = search === '' ? 'no lines yet' : `no line contains ${JSON.stringify(search)}`;
  return (
    <Box flexDirection="column">
      <Line display={display} style={{ bold: true }}>
        {ends(`${name} · logs of ${who}${when}`, where, display.columns)}
      </Line>
      <Rule display={display} title="" />
      {shown.length === 0 ? <Line display={display}>{`  ${nothing}`}</Line> : null}
      {shown.map(({ key, text, level }) => (
        <Line key={key} display={display} style={levelStyles[level]}>
          {text}
        </Line>
      ))}
      {typing || search !== '' ? (
        <Line display={display}>{`/${search}${typing ? '▏' : ''}`}</Line>
      ) : null}
    </Box>
  );
}

/**
 * The last `count` matching lines; runs ten times a second, so it does not read the lines before
 * them.
 */
function lastOf(
  lines: readonly LogLine[],
  isShown: (line: LogLine) => boolean,
  count: number,
): readonly LogLine[] {
  const found: LogLine[] = [];
  for (let at = lines.length - 1; at >= 0 && found.length < count; at--) {
    const line = lines[at];
    if (line !== undefined && isShown(line)) found.push(line);
  }
  return found.reverse();
}

interface Row {
  readonly key: string;
  readonly text: string;
  readonly level: LogLine['level'];
}

function rowsOf(
  line: FoldedLine,
  { display, wrap: wraps = false, times = true }: LogsProps,
): readonly Row[] {
  const { level, time } = line;
  const text = logLineText(line, { ...plain, time: times });
  const key = `${time} ${line.text}`;
  if (!wraps) return [{ key, text, level }];
  return wrap(text, display.columns).map((part, index) => ({
    key: `${key} ${index}`,
    text: part,
    level,
  }));
}

interface PagesProps {
  readonly display: Display;
  readonly title: string;
  readonly text: string;
  /** Lines below the top. */
  readonly scroll: number;
}

export function Pages({ display, title, text, scroll }: PagesProps): ReactNode {
  const lines = text.trimEnd().split('\n');
  const height = Math.max(1, display.rows - 4);
  const first = Math.min(scroll, Math.max(0, lines.length - height));
  const shown = lines.slice(first, first + height);
  const where =
    lines.length <= height ? '' : `${first + 1} to ${first + shown.length} of ${lines.length}`;
  return (
    <Box flexDirection="column">
      <Line display={display} style={{ bold: true }}>
        {ends(title, where, display.columns)}
      </Line>
      <Rule display={display} title="" />
      {shown.map((line, index) => (
        // Lines have no identity other than their index.
        // biome-ignore lint/suspicious/noArrayIndexKey: the text does not move
        <Line key={first + index} display={display}>
          {line}
        </Line>
      ))}
    </Box>
  );
}
