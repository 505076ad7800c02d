import test from 'ava';
import {
  keys,
  parseKey,
  parseSubject,
  streamSubjects,
  subjects,
} from '../../../crds/wire/subjects.ts';

const job = { namespace: 'team-a', uid: '0f-1' };

test('every name of a job begins with its namespace and UID', (t) => {
  const inBuckets = [
    keys.state(job),
    keys.desired(job),
    keys.world(job, 2, 0),
    keys.member(job, 2, 1),
    keys.ack(job, 2, 1),
    keys.beat(job, 1),
    keys.all(job),
  ];
  for (const key of inBuckets) t.true(key.startsWith('team-a.0f-1.'), key);
  for (const subject of [subjects.metric(job, 0), subjects.log(job, 0), subjects.event(job)])
    t.true(subject.startsWith('anneal.v1.team-a.0f-1.'), subject);
});

test('a key and a subject lead back to their job', (t) => {
  t.deepEqual(parseKey(keys.member(job, 12, 3)), { ...job, what: 'member.12.3' });
  t.deepEqual(parseSubject(subjects.metric(job, 3)), job);
  t.is(parseKey('stray'), undefined);
  t.is(parseSubject('other.v1.a.b.c'), undefined);
});

test('each message is kept by exactly one stream', (t) => {
  const matches = (pattern: string, subject: string) =>
    new RegExp(
      `^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace('>', '.+')}$`,
    ).test(subject);
  for (const subject of [subjects.metric(job, 0), subjects.log(job, 0), subjects.event(job)]) {
    const keepers = Object.values(streamSubjects).filter((pattern) => matches(pattern, subject));
    t.is(keepers.length, 1, subject);
  }
});
