import test from 'ava';
import { emptyBoard, seeBoard } from '../../../cli/jobs/board-state.ts';
import { emptyJob } from '../../../cli/jobs/job-state.ts';
import { Navigator } from '../../../cli/screens/navigator.ts';
import { pressesOf, typedOf } from '../../../cli/terminal/pressed.ts';
import { aListedJob } from '../../builders/listed-job.ts';

const jobs = ['a', 'b', 'c'].map((name) => aListedJob({ name, status: { phase: 'Running' } }));
const board = seeBoard(emptyBoard, [{ at: 0, change: { type: 'All', jobs } }]);
const live = { board, job: () => emptyJob };
const noKey = {} as Parameters<typeof pressesOf>[1];

function flying(text: string, keys = {}): Navigator {
  const navigator = new Navigator(live, { type: 'Board' }, { isCluster: true, keys });
  for (const pressed of pressesOf(text, noKey)) navigator.press(pressed);
  return navigator;
}

test('keys that come faster than pictures each find what the one before them did', (t) => {
  t.is(flying('jj').at.row, 2);
  t.deepEqual(flying('j\r').view, { type: 'Job', key: 'team-a/b' });
  // A filter, its end, the row that is left, its logs.
  t.deepEqual(flying('/c\rl').view, { type: 'Logs', key: 'team-a/c' });
  t.deepEqual(flying('j\rl').at.views.length, 3);
  t.is(flying('xj').at.question, null);
});

test('the rows of the board stay the same array until the board or the filter changes', (t) => {
  const navigator = flying('');
  t.is(navigator.rows, navigator.rows);
  t.deepEqual(
    flying('/c').rows.map(({ name }) => name),
    ['c'],
  );
});

test('a key that does what another does is a letter where letters are typed', (t) => {
  t.is(flying('nn', { n: 'j' }).at.row, 2);
  t.is(flying('/n', { n: 'j' }).at.filter, 'n');
  t.is(flying(':n', { n: 'j' }).at.command, 'n');
});

test('a place that is pasted with its line end is typed and taken; several lines are one text', (t) => {
  t.deepEqual(typedOf('./model\r', noKey), [
    { input: './model', key: undefined },
    { input: '', key: 'enter' },
  ]);
  t.is(typedOf('one\rtwo\r', noKey).length, 1);
});
