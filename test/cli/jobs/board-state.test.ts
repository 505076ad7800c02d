import test from 'ava';
import fc from 'fast-check';
import { emptyBoard, rowsOf, seeBoard, windowOf } from '../../../cli/jobs/board-state.ts';
import type { JobsChange } from '../../../cli/jobs/source.ts';
import { aListedJob } from '../../builders/listed-job.ts';

const job = (name: string, phase: 'Running' | 'Failed' = 'Running', createdAt = '2026-01-01') =>
  aListedJob({ name, uid: name, status: { phase }, createdAt });
const seen = (changes: readonly JobsChange[]) =>
  seeBoard(
    emptyBoard,
    changes.map((change) => ({ change, at: 100 })),
  );
const names = (changes: readonly JobsChange[], filter = '') =>
  rowsOf(seen(changes), filter).map(({ name }) => name);

test('rows are those that go on, then the newest, whatever the order in which they came', (t) => {
  const jobs = [job('a'), job('b', 'Failed', '2026-03-01'), job('c', 'Running', '2026-02-01')];
  fc.assert(
    fc.property(fc.shuffledSubarray(jobs, { minLength: 3 }), (order) => {
      t.deepEqual(names([{ type: 'All', jobs: order }]), ['c', 'a', 'b']);
      t.deepEqual(names(order.map((one) => ({ type: 'Changed', job: one }))), ['c', 'a', 'b']);
    }),
  );
});

test('a job that is gone leaves, unless its name was taken by a new one', (t) => {
  const old = { ...job('a'), uid: 'old' };
  t.deepEqual(
    names([
      { type: 'All', jobs: [old] },
      { type: 'Gone', job: old },
    ]),
    [],
  );
  const again: readonly JobsChange[] = [
    { type: 'Changed', job: job('a') },
    { type: 'Gone', job: old },
  ];
  t.deepEqual(names(again), ['a']);
});

test('a list after a cut replaces everything, and what was away is back', (t) => {
  const state = seen([
    { type: 'All', jobs: [job('a'), job('b')] },
    { type: 'Away', why: 'no answer' },
  ]);
  t.deepEqual(state.away, { since: 100, why: 'no answer' });
  const back = seeBoard(state, [{ change: { type: 'All', jobs: [job('b')] }, at: 110 }]);
  t.is(back.away, null);
  t.deepEqual([...back.jobs.keys()], ['team-a/b']);
});

test('words filter by name and phase, and with a mark in front of them the other way round', (t) => {
  const jobs = [job('halo-1'), job('halo-2', 'Failed'), job('qlora')];
  const all: readonly JobsChange[] = [{ type: 'All', jobs }];
  t.deepEqual(names(all, 'halo'), ['halo-1', 'halo-2']);
  t.deepEqual(names(all, 'halo !failed'), ['halo-1']);
  t.deepEqual(names(all, 'no such'), []);
});

test('the chosen row is always in the window, which has no empty rows while there are more', (t) => {
  const count = fc.integer({ min: 1, max: 500 });
  fc.assert(
    fc.property(count, fc.integer({ min: 1, max: 60 }), fc.nat(499), (rows, height, any) => {
      const chosen = any % rows;
      const first = windowOf(chosen, rows, height);
      t.true(first <= chosen && chosen < first + height);
      t.true(first === 0 || first + height <= rows);
    }),
  );
});
