import test from 'ava';
import { keys } from '../../../crds/wire/subjects.ts';
import { doorsOf, mostKeys, refusalOf } from '../../../operator/gateway/rules.ts';
import { aMember, aState } from '../../builders/job-facts.ts';

const job = { namespace: 'team-a', uid: 'u1' };
const pod = { job, index: 2, uid: 'pod-2' };
const record = { v: 1, name: 'first', workers: 4 } as const;
const known = { record, entries: new Map<string, unknown>(), claims: new Set<string>() };

test('a worker writes the records of its own index in its own name, and the state', (t) => {
  const member = aMember(2, 'pod-2');
  const update = { what: 'update', key: keys.state(job), value: aState(), revision: 1 } as const;
  t.is(refusalOf(pod, update, known), undefined);
  for (const key of [keys.member(job, 1, 2), keys.member(job, 12, 2)])
    t.is(refusalOf(pod, { what: 'create', key, value: member }, known), undefined, key);
  const ack = { v: 1, podUID: 'pod-2', saved: 3 };
  const create = { what: 'create', key: keys.ack(job, 1, 2), value: ack } as const;
  t.is(refusalOf(pod, create, known), undefined);
  const world = { v: 1, members: [], order: [], master: '' };
  const put = { what: 'put', key: keys.world(job, 1, 2), value: world } as const;
  t.is(refusalOf(pod, put, known), undefined);
});

test('a job that has as many records as it may is refused another, and may change those it has', (t) => {
  const most = mostKeys(record);
  const entries = new Map(Array.from({ length: most }, (_, i) => [keys.member(job, i, 2), i]));
  const write = (round: number, claims: readonly string[] = [], of = entries) =>
    refusalOf(
      pod,
      { what: 'create', key: keys.member(job, round, 2), value: aMember(2, 'pod-2') },
      { record, entries: of, claims: new Set(claims) },
    );
  t.regex(write(most + 1) ?? '', /has \d+ records; it may have \d+/);
  t.is(write(1), undefined);
  // What is being written counts; what is written twice counts once.
  const claims = [keys.member(job, most + 1, 2)];
  const oneFree = new Map([...entries].slice(1));
  t.is(write(most + 2, [], oneFree), undefined);
  t.regex(write(most + 2, claims, oneFree) ?? '', new RegExp(`has ${most} records`));
  t.is(write(most + 1, claims, oneFree), undefined);
});

test('a job of more workers may say and store more', (t) => {
  const few = doorsOf({ job }, { ...record, workers: 1 });
  const many = doorsOf({ job }, { ...record, workers: 1000 });
  for (const kind of ['ask', 'tell'] as const) t.true(many[kind].perSecond > few[kind].perSecond);
  t.true(mostKeys({ ...record, workers: 1000 }) > 3 * 1000);
  // A heartbeat of a member is no request; a rendezvous is three of each, and all at once.
  t.true(many.ask.burst > 3 * 1000);
});

test('a pod that catches up sends 64 messages at once, and finds the door open for all of them', (t) => {
  // The door asks for more when half of its window is used up.
  for (const workers of [1, 8, 1000])
    t.true(doorsOf({ job }, { ...record, workers }).tell.window / 2 >= 64, `${workers}`);
});
