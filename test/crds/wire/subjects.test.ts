import test from 'ava';
import {
  keys,
  parseHeartbeat,
  parseKey,
  parseSubject,
  streamSubjects,
  subjects,
} from '../../../crds/wire/subjects.ts';

const job = { namespace: 'team-a', uid: '0f-1' };
const names = ['metrics', 'logs', 'events'] as const;
const said = names.map((name) => subjects.message('c1', job, name, 3));

test('every name of a job begins with its namespace and UID', (t) => {
  const inBuckets = [
    keys.state(job),
    keys.desired(job),
    keys.world(job, 2, 0),
    keys.member(job, 2, 1),
    keys.ack(job, 2, 1),
    keys.job(job),
    keys.all(job),
  ];
  for (const key of inBuckets) t.true(key.startsWith('team-a.0f-1.'), key);
  for (const subject of said) t.true(subject.startsWith('anneal.v1.c1.team-a.0f-1.'), subject);
});

test('a key and a subject lead back to their job', (t) => {
  t.deepEqual(parseKey(keys.member(job, 12, 3)), { ...job, what: 'member.12.3' });
  t.deepEqual(parseSubject(said[0] ?? ''), job);
  t.is(parseKey('stray'), undefined);
  t.is(parseSubject('other.v1.a.b.c'), undefined);
});

test('each message is kept by exactly one stream', (t) => {
  const matches = (pattern: string, subject: string) =>
    new RegExp(
      `^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace('>', '.+')}$`,
    ).test(subject);
  for (const subject of said) {
    const keepers = Object.values(streamSubjects).filter((pattern) => matches(pattern, subject));
    t.is(keepers.length, 1, subject);
  }
});

test('a heartbeat says whose it is by its subject', (t) => {
  const pod = { job, index: 12, uid: 'p-1' };
  t.deepEqual(parseHeartbeat(subjects.heartbeat(pod)), { index: 12, uid: 'p-1' });
  t.is(parseHeartbeat(subjects.heartbeat(pod).replace('12', 'x')), undefined);
});
