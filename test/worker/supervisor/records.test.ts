import test from 'ava';
import fc from 'fast-check';
import { keys } from '../../../crds/wire/subjects.ts';
import {
  type Change,
  foldRecords,
  memberKey,
  noRecords,
} from '../../../worker/supervisor/records.ts';
import { aDesired, aList, aMember, anAck, aState } from '../../builders/situation.ts';

const job = { namespace: 'team-a', uid: '0123-a' };
const put = (key: string, value: unknown, revision: number): Change => ({
  type: 'Put',
  entry: { key, value, revision },
});

test('keys become records, and later revisions replace earlier ones', (t) => {
  const changes: readonly Change[] = [
    put(keys.state(job), aState(), 1),
    put(keys.desired(job), aDesired(), 2),
    put(keys.member(job, 1, 0), aMember(), 3),
    put(keys.ack(job, 1, 0), anAck({ restored: true }), 4),
    put(keys.state(job), aState({ round: 2 }), 5),
    put(keys.world(job, 1, 0), aList('pod-a', 'pod-b'), 6),
    put(`${keys.world(job, 1, 0)}x`.replace('world', 'later'), { any: 'thing' }, 7),
  ];
  const records = changes.reduce(foldRecords, noRecords);
  t.is(records.state?.record.round, 2);
  t.is(records.state?.revision, 5);
  t.is(records.desired?.record.workers, 1);
  t.is(records.members.get(memberKey(1, 0))?.record.podUID, 'pod-a');
  t.true(records.acks.get(memberKey(1, 0))?.record.restored);
  t.deepEqual(records.worlds.get(memberKey(1, 0))?.record.order, [0, 1]);
  t.deepEqual(records.unreadable, []);
});

test('an older revision that is told late does not undo what is known', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (revisions) => {
      const records = revisions
        .map((revision) => put(keys.state(job), aState({ round: revision }), revision))
        .reduce(foldRecords, noRecords);
      return records.state?.record.round === Math.max(...revisions);
    }),
  );
  t.pass();
});

test('all keys told anew replace what was known, also by lower revisions', (t) => {
  const before = [
    put(keys.state(job), aState({ round: 9 }), 90),
    put(keys.member(job, 9, 0), aMember(), 91),
  ].reduce(foldRecords, noRecords);
  const entries = [{ key: keys.state(job), value: aState(), revision: 1 }];
  const after = foldRecords(before, { type: 'All', entries });
  t.is(after.state?.record.round, 1);
  t.is(after.members.size, 0);
});

test('a removed key is gone', (t) => {
  const changes: readonly Change[] = [
    put(keys.state(job), aState(), 1),
    put(keys.member(job, 1, 0), aMember(), 2),
    { type: 'Gone', key: keys.member(job, 1, 0) },
    { type: 'Gone', key: keys.state(job) },
  ];
  const records = changes.reduce(foldRecords, noRecords);
  t.is(records.state, undefined);
  t.is(records.members.size, 0);
});

test('a record of a newer version is told as unreadable until it can be read', (t) => {
  const newer = foldRecords(noRecords, put(keys.state(job), { ...aState(), v: 2 }, 1));
  t.deepEqual(newer.unreadable, [keys.state(job)]);
  t.is(newer.state, undefined);
  t.deepEqual(foldRecords(newer, put(keys.state(job), aState(), 2)).unreadable, []);
});
