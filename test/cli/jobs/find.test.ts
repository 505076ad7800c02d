import test from 'ava';
import { findJob } from '../../../cli/jobs/find.ts';
import type { Job } from '../../../cli/jobs/job.ts';
import { aListedJob } from '../../builders/listed-job.ts';

const named = (name: string, namespace = 'team-a', createdAt = '2026-01-01T00:00:00Z'): Job =>
  aListedJob({ name, namespace, createdAt });
const jobs = [
  named('halo-x7k2'),
  named('halo-b'),
  named('qlora', 'team-a', '2026-02-01T00:00:00Z'),
  named('qlora', 'team-b'),
];
const found = (word: string, among = jobs) => {
  const { namespace, name } = findJob(among, word, 'team-a');
  return `${namespace}/${name}`;
};

test('a job is found by its name, with its namespace, by the beginning of it, and as the newest', (t) => {
  t.is(found('halo-b'), 'team-a/halo-b');
  t.is(found('team-b/qlora'), 'team-b/qlora');
  t.is(found('halo-x'), 'team-a/halo-x7k2');
  t.is(found('@latest'), 'team-a/qlora');
});

test('a whole name stands above longer names that begin with it', (t) => {
  t.is(found('halo', [...jobs, named('halo')]), 'team-a/halo');
});

test('a beginning of several names lists them', (t) => {
  const error = t.throws(() => found('halo'), { code: 'E_USAGE' });
  t.is(error?.message, '"halo" is the beginning of 2 jobs: halo-x7k2, halo-b');
});

test('a name that is not there says which is near, and an empty place how to begin', (t) => {
  const error = t.throws(() => found('qlorra'), { code: 'E_NOT_FOUND' });
  t.is(error?.message, 'there is no job "qlorra" in team-a');
  t.is((error as { hint?: string }).hint, 'did you mean qlora?');
  t.throws(() => found('@latest', []), { code: 'E_NOT_FOUND' });
});

test('a job of this machine without a number is its newest run', (t) => {
  const runs = [1, 2, 10].map((n) => named(`first/${n}`, 'local', `2026-01-${9 + n}T00:00:00Z`));
  t.is(found('first', runs), 'local/first/10');
  t.is(found('fir', runs), 'local/first/10');
  t.is(found('first/2', runs), 'local/first/2');
  t.throws(() => found('f', [...runs, named('fast/1', 'local')]), { code: 'E_USAGE' });
});
