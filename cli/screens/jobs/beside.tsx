// Federations, pools and servers of adapters on the board, below the jobs: a few rows of each.
import type { ReactNode } from 'react';
import { type Display, Line } from '../../components/line.tsx';
import { type BesideJob, type BesideJobs, besideKey } from '../../jobs/beside.ts';
import { type Column, columnsOf } from '../../terminal/columns.ts';
import { besideState } from '../../text/beside-state.ts';
import { partyColumns } from '../../text/party-columns.ts';
import { poolColumns } from '../../text/pool-columns.ts';
import { serverColumns } from '../../text/server-columns.ts';

interface Shown {
  readonly key: string;
  readonly head: string;
  readonly rows: readonly { readonly one: BesideJob; readonly text: string }[];
  /** Rows that there is no room for. */
  readonly more: number;
}

/** Tables that fit into so many lines together, with an empty line before each. */
export function tablesBeside(
  { parties, pools, servers }: BesideJobs,
  { display, namespaces, lines }: TableFacts,
): readonly Shown[] {
  const style = {
    ...{ wide: display.columns >= 140, namespaces, now: new Date(display.now * 1000) },
    paint: (text: string) => text,
  };
  const table = <T extends BesideJob>(
    key: string,
    all: readonly T[],
    columns: readonly Column<T>[],
    most: number,
  ): readonly Shown[] => {
    const room = most - frame;
    if (all.length === 0 || room < 1) return [];
    const shown = all.length <= room ? all : all.slice(0, room - 1);
    const [head = '', ...texts] = columnsOf(shown, columns, display.columns - 2);
    const rows = shown.map((one, index) => ({ one, text: texts[index] ?? '' }));
    return [{ key, head, rows, more: all.length - shown.length }];
  };
  // Each has an equal share of what those above it left.
  const tables: Shown[] = [];
  const kinds = [parties, pools, servers].filter((all) => all.length > 0).length;
  const share = () => {
    const left = lines - linesOfTables(tables);
    return Math.min(left, Math.max(frame + 1, Math.floor(left / (kinds - tables.length))));
  };
  tables.push(...table('parties', parties, partyColumns(style), share()));
  tables.push(...table('pools', pools, poolColumns(style), share()));
  tables.push(...table('servers', servers, serverColumns(style), share()));
  return tables;
}

interface TableFacts {
  readonly display: Display;
  readonly namespaces: boolean;
  /** The most there may be. */
  readonly lines: number;
}

/** The empty line and the head of a table. */
const frame = 2;

export function linesOfTables(tables: readonly Shown[]): number {
  return tables.reduce((sum, { rows, more }) => sum + frame + rows.length + (more > 0 ? 1 : 0), 0);
}

interface TablesProps {
  readonly display: Display;
  readonly tables: readonly Shown[];
}

export function TablesBeside({ display, tables }: TablesProps): ReactNode {
  return tables.map(({ key, head, rows, more }) => [
    <Line key={`${key} gap`} display={display}>
      {' '}
    </Line>,
    <Line key={key} display={display} style={{ dim: true }}>{`  ${head}`}</Line>,
    ...rows.map(({ one, text }) => {
      const { glyph: _, ...style } = besideState(one).mark;
      return <Line key={besideKey(one)} display={display} style={style}>{`  ${text}`}</Line>;
    }),
    more === 0 ? null : (
      <Line key={`${key} more`} display={display} style={{ dim: true }}>
        {`  and ${more} more`}
      </Line>
    ),
  ]);
}
