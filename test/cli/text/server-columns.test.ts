import test from 'ava';
import { readServer } from '../../../cli/jobs/servers.ts';
import { columnsOf } from '../../../cli/terminal/columns.ts';
import { ascii } from '../../../cli/terminal/glyphs.ts';
import { serverColumns } from '../../../cli/text/server-columns.ts';
import { aToldServer, oneOfEachState } from '../../builders/told-server.ts';

const now = new Date('2026-01-01T01:00:00Z');
const paint = (text: string) => text;

function table(objects: readonly object[], width: number, wide = false): readonly string[] {
  const columns = serverColumns({ wide, namespaces: wide, now, paint });
  return columnsOf(objects.map(readServer), columns, width);
}

test('one server of each state, at 80 columns and where there is room', (t) => {
  const narrow = table(oneOfEachState(), 80);
  t.true(narrow.every((line) => [...line].length <= 80));
  t.snapshot(narrow.join('\n'));
  t.snapshot(table(oneOfEachState(), 200, true).join('\n'));
});

test('the marks of states have characters of their own without Unicode', (t) => {
  // That of one that cannot be read is the question mark itself.
  const marks = table(oneOfEachState().slice(0, -1), 80)
    .slice(1)
    .map((line) => line.split(/ {2,}/)[1]?.[0]);
  t.false(ascii.text(marks.join('')).includes('?'));
});

test('long names leave out what is known from them; a cell never leaves its line', (t) => {
  const name = 'a-name-that-is-as-long-as-they-may-be-xx';
  const path = `folder/${'long-'.repeat(30)}\u001b[2Jmodel\nNAME`;
  const source = { persistentVolumeClaim: { claimName: 'demo', path } };
  const [head, row, ...others] = table([aToldServer(name, { spec: { model: { source } } })], 80);
  t.is(head, 'SERVER                                    STATE      ADAPTERS');
  t.is(row, `${name}  ● Serving       2/2`);
  t.deepEqual(others, []);
  const [, wide = ''] = table([aToldServer(name, { spec: { model: { source } } })], 400);
  t.notRegex(wide, /\p{Cc}/u);
  t.regex(wide, / …[^ ]*model NAME /);
});
