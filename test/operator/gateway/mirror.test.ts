import test from 'ava';
import { keys } from '../../../crds/wire/subjects.ts';
import { Mirror } from '../../../operator/gateway/mirror.ts';

const job = { namespace: 'team-a', uid: 'u1' };
const other = { namespace: 'team-b', uid: 'u2' };
const record = { v: 1, name: 'first', workers: 3 };

function aMirror() {
  const changes: string[] = [];
  const mirror = new Mirror(({ job, record }) => changes.push(`${job.uid} ${record?.workers}`));
  return { mirror, changes };
}

test('jobs are known when all was told, with their records and the newest revision', (t) => {
  const { mirror, changes } = aMirror();
  mirror.entry(keys.job(job), record, 1);
  mirror.entry(keys.state(job), 'a', 5);
  mirror.entry(keys.state(other), 'b', 6);
  mirror.entry('stray', 1, 9);
  t.false(mirror.isReady);
  t.deepEqual(changes, []);
  mirror.ready();
  t.true(mirror.isReady);
  t.deepEqual(changes, ['u1 3', 'u2 undefined']);
  t.is(mirror.job(job)?.head, 5);
  mirror.entry(keys.state(job), 'c', 7);
  t.deepEqual(mirror.job(job)?.entries.get(keys.state(job)), { value: 'c', revision: 7 });
});

test('a job that is removed is gone with all its records; one with a record of another version is not known', (t) => {
  const { mirror, changes } = aMirror();
  mirror.entry(keys.job(job), record, 1);
  mirror.ready();
  mirror.entry(keys.job(job), undefined, 2);
  t.is(mirror.job(job), undefined);
  mirror.entry(keys.job(job), { v: 99 }, 3);
  t.is(mirror.job(job)?.record, undefined);
  t.deepEqual(changes, ['u1 3', 'u1 undefined', 'u1 undefined']);
});

test('what is not told again is gone', (t) => {
  const { mirror, changes } = aMirror();
  for (const each of [job, other]) mirror.entry(keys.job(each), record, 1);
  mirror.ready();
  mirror.again();
  t.false(mirror.isReady);
  mirror.entry(keys.job(job), record, 1);
  mirror.ready();
  t.is(mirror.job(other), undefined);
  t.deepEqual(changes, ['u1 3', 'u2 3', 'u2 undefined', 'u1 3']);
});

test('a key counts from when it is claimed until the mirror hears of it, or nothing was stored', (t) => {
  const { mirror } = aMirror();
  mirror.entry(keys.job(job), record, 1);
  mirror.ready();
  const [first, second] = [keys.member(job, 1, 0), keys.member(job, 2, 0)];
  t.deepEqual([mirror.claim(job, first), mirror.claim(job, first)], [true, false]);
  t.true(mirror.claim(job, second));
  t.deepEqual([...mirror.claims(job)], [first, second]);
  mirror.entry(first, 'stored', 2);
  mirror.unclaim(job, second);
  t.deepEqual([...mirror.claims(job)], []);
  t.false(mirror.claim(job, first), 'it is an entry');
  t.true(mirror.claim(job, second));
  mirror.again();
  mirror.entry(keys.job(job), record, 1);
  mirror.ready();
  t.deepEqual([...mirror.claims(job)], [], 'what a new list does not have was removed');
});
