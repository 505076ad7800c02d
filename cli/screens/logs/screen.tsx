// Lines of the workers, and texts that are longer than a window.
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { ends, Line, type Look, Rule } from '../../components/line.tsx';
import { foldLines, isWanted, logLineText } from '../../format/log-lines.ts';
import type { LogLine } from '../../jobs/source.ts';

interface LogsProps {
  readonly look: Look;
  readonly name: string;
  readonly lines: readonly LogLine[];
  /** Lines above the end. */
  readonly scroll: number;
  readonly rank: number | null;
  readonly search: string;
  readonly typing: boolean;
}

const plain = { paint: (text: string) => text, time: true, marks: true };
const levelStyles = {
  error: { color: 'red', bold: true },
  warn: { color: 'yellow' },
  info: {},
  debug: { dim: true },
} as const;

export function Logs({ look, name, lines, scroll, rank, search, typing }: LogsProps): ReactNode {
  const height = Math.max(1, look.rows - 4);
  const words = search.toLowerCase();
  const filter = {
    ranks: rank === null ? undefined : new Set([rank]),
    ...{ since: undefined, grep: undefined, least: 'info' as const },
  };
  const wanted = lines.filter(
    (line) => isWanted(line, filter) && line.text.toLowerCase().includes(words),
  );
  // Only what is seen is put in order and folded; a window of five screens holds what comes late.
  const near = wanted.slice(Math.max(0, wanted.length - scroll - 5 * height));
  const folded = foldLines(near);
  const up = Math.min(scroll, Math.max(0, folded.length - height));
  const shown = folded.slice(Math.max(0, folded.length - height - up), folded.length - up);
  const where = up === 0 ? 'following' : `${up} lines above the end`;
  const who = rank === null ? 'all workers' : `worker ${rank}`;
  return (
    <Box flexDirection="column">
      <Line look={look} style={{ bold: true }}>
        {ends(`${name} · logs of ${who}`, where, look.columns)}
      </Line>
      <Rule look={look} title="" />
      {shown.length === 0 ? <Line look={look}>{'  nothing was said yet'}</Line> : null}
      {shown.map((line) => (
        <Line key={`${line.time} ${line.text}`} look={look} style={levelStyles[line.level]}>
          {logLineText(line, plain)}
        </Line>
      ))}
      {typing || search !== '' ? <Line look={look}>{`/${search}${typing ? '▏' : ''}`}</Line> : null}
    </Box>
  );
}

interface PagesProps {
  readonly look: Look;
  readonly title: string;
  readonly text: string;
  /** Lines below the top. */
  readonly scroll: number;
}

export function Pages({ look, title, text, scroll }: PagesProps): ReactNode {
  const lines = text.trimEnd().split('\n');
  const height = Math.max(1, look.rows - 4);
  const first = Math.min(scroll, Math.max(0, lines.length - height));
  const shown = lines.slice(first, first + height);
  const where =
    lines.length <= height ? '' : `${first + 1} to ${first + shown.length} of ${lines.length}`;
  return (
    <Box flexDirection="column">
      <Line look={look} style={{ bold: true }}>
        {ends(title, where, look.columns)}
      </Line>
      <Rule look={look} title="" />
      {shown.map((line, index) => (
        // Lines of a text have no identity beyond their place.
        // biome-ignore lint/suspicious/noArrayIndexKey: the text does not move
        <Line key={first + index} look={look}>
          {line}
        </Line>
      ))}
    </Box>
  );
}
