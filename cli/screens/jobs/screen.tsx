// The board: the jobs of a source, one per line, kept up to date.
import { Box } from 'ink';
import type { ReactNode } from 'react';
import { type Display, ends, Line, Rule } from '../../components/line.tsx';
import type { BesideJobs } from '../../jobs/beside.ts';
import { type BoardState, windowOf } from '../../jobs/board-state.ts';
import { type Job, keyOf, phaseOf } from '../../jobs/job.ts';
import { clockText } from '../../terminal/age.ts';
import { columnsOf } from '../../terminal/columns.ts';
import { seconds } from '../../terminal/numbers.ts';
import { styleOf } from '../../terminal/palette.ts';
import { jobColumns } from '../../text/job-columns.ts';
import { linesOfTables, TablesBeside, tablesBeside } from './beside.tsx';

/**
 * The clock has no seconds: with them the whole screen would be rendered every second, although
 * nothing happens.
 */
const minutes = '14:38'.length;

interface BoardProps {
  readonly display: Display;
  readonly location: string;
  readonly board: BoardState;
  readonly beside: BesideJobs;
  readonly rows: readonly Job[];
  readonly chosen: number;
  readonly filter: string;
  readonly typing: boolean;
  /** The first job of a comparison. */
  readonly marked?: string | null;
  readonly namespaces: boolean;
}

export function Board(props: BoardProps): ReactNode {
  const { display, location, board, beside, rows, filter, typing, namespaces } = props;
  const free = display.rows - linesAround - Math.max(1, rows.length);
  const lines = Math.max(free, Math.floor(display.rows / 2));
  const tables = tablesBeside(beside, { display, namespaces, lines });
  const height = Math.max(1, display.rows - linesAround - linesOfTables(tables));
  const count = `${rows.length} ${rows.length === 1 ? 'job' : 'jobs'}`;
  const all = rows.length === board.jobs.size ? count : `${count} of ${board.jobs.size}`;
  return (
    <Box flexDirection="column">
      <Line display={display} style={{ bold: true }}>
        {ends(
          `anneal · ${location} · ${all}`,
          clockText(display.now).slice(0, minutes),
          display.columns,
        )}
      </Line>
      {board.away === null ? (
        <Rule display={display} title="" />
      ) : (
        <Line display={display} style={{ color: 'yellow', bold: true }}>
          {`stale ${seconds(display.now - board.away.since)} · ${board.away.why}`}
        </Line>
      )}
      <Rows {...props} height={height} />
      <TablesBeside display={display} tables={tables} />
      {filter !== '' || typing ? (
        <Line display={display}>{`/${filter}${typing ? '▏' : ''}`}</Line>
      ) : null}
    </Box>
  );
}

/** Title, rule, heads, the filter and the keys. */
const linesAround = 6;

interface RowsProps extends BoardProps {
  readonly height: number;
}

function Rows(props: RowsProps): ReactNode {
  const { display, rows, chosen, board, namespaces, marked = null, height } = props;
  if (rows.length === 0) {
    const words = board.isLoaded ? 'no jobs; anneal submit FILE starts one' : 'loading the jobs';
    return <Line display={display}>{`  ${words}`}</Line>;
  }
  const at = Math.min(chosen, rows.length - 1);
  const first = windowOf(at, rows.length, height);
  const shown = rows.slice(first, first + height);
  const columns = jobColumns({
    ...{ wide: display.columns >= 140, namespaces, now: new Date(display.now * 1000) },
    paint: (text) => text,
  });
  const [head = '', ...lines] = columnsOf(shown, columns, display.columns - 2);
  return (
    <>
      <Line display={display} style={{ dim: true }}>{`  ${head}`}</Line>
      {shown.map((job, index) => {
        const isChosen = first + index === at;
        const { glyph: _, ...style } = styleOf(phaseOf(job));
        return (
          <Line key={keyOf(job)} display={display} style={isChosen ? { bold: true } : style}>
            {`${isChosen ? '▸' : keyOf(job) === marked ? 'A' : ' '} ${lines[index] ?? ''}`}
          </Line>
        );
      })}
    </>
  );
}
