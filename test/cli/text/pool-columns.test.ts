import test from 'ava';
import { readPool } from '../../../cli/jobs/pools.ts';
import { columnsOf } from '../../../cli/terminal/columns.ts';
import { ascii } from '../../../cli/terminal/glyphs.ts';
import { packedColumns } from '../../../cli/text/packed-columns.ts';
import { poolColumns } from '../../../cli/text/pool-columns.ts';
import { oneOfEachPoolState } from '../../builders/told-pool.ts';

const now = new Date('2026-01-01T01:00:00Z');
const paint = (text: string) => text;

function table(objects: readonly object[], width: number, wide = false): readonly string[] {
  const columns = poolColumns({ wide, namespaces: wide, now, paint });
  return columnsOf(objects.map(readPool), columns, width);
}

test('one pool of each state, at 80 columns and where there is room', (t) => {
  const narrow = table(oneOfEachPoolState(), 80);
  t.true(narrow.every((line) => [...line].length <= 80));
  t.snapshot(narrow.join('\n'));
  t.snapshot(table(oneOfEachPoolState(), 200, true).join('\n'));
});

test('the marks of states have characters of their own without Unicode', (t) => {
  // That of one that cannot be read is the question mark itself.
  const marks = table(oneOfEachPoolState().slice(0, -1), 80)
    .slice(1)
    .map((line) => line.split(/ {2,}/)[1]?.[0]);
  t.false(ascii.text(marks.join('')).includes('?'));
});

test('jobs of a pool, each with why it waits or failed', (t) => {
  const mixed = oneOfEachPoolState()
    .map(readPool)
    .find(({ name }) => name === 'mixed');
  t.snapshot(columnsOf(mixed?.status.jobs ?? [], packedColumns(paint), 80).join('\n'));
});
