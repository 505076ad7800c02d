import test from 'ava';
import { decide } from '../../../worker/supervisor/decide.ts';
import type { Situation } from '../../../worker/supervisor/situation.ts';
import { aList, aPair, aRunning, aState, startMs, worldOfList } from '../../builders/situation.ts';

const list = aList('pod-a', 'pod-b', 'pod-c');
const now = startMs + 1000;

/** Pod `pod-a`, the first of three, and how long each takes for its own part of a step. */
const three = (busyMs: Readonly<Record<string, number>>, changes: Partial<Situation> = {}) =>
  aPair(0, {
    ...{ list, state: aState({ world: worldOfList(list) }), now, trainer: aRunning() },
    paces: new Map(Object.entries(busyMs).map(([uid, ms]) => [uid, { round: 1, busyMs: [ms] }])),
    ...changes,
  });

const slow = { 'pod-a': 100, 'pod-b': 210, 'pod-c': 90 };
const words =
  'worker 1 on node node-1 takes 2.1 times as long as the others for its part of a step';

test('one that is much slower than the median of the others is named, once', (t) => {
  const told = { type: 'TellPace', words } as const;
  t.deepEqual(decide(three(slow)), told);
  t.is(decide(three(slow, { toldPace: { words, at: now } })).type, 'Wait');
  t.is(decide(three(slow, { toldPace: { words, at: now - 299_999 } })).type, 'Wait');
  t.deepEqual(decide(three(slow, { toldPace: { words, at: now - 300_000 } })), told);
});

test('once and a half as slow is no news', (t) => {
  t.is(decide(three({ 'pod-a': 100, 'pod-b': 150, 'pod-c': 100 })).type, 'Wait');
  t.is(decide(three({ 'pod-a': 100, 'pod-b': 151, 'pod-c': 100 })).type, 'TellPace');
});

test('when it is quick again that is told, once', (t) => {
  const even = { 'pod-a': 100, 'pod-b': 110, 'pod-c': 90 };
  const before = { toldPace: { words, at: now } };
  t.deepEqual(decide(three(even, before)), { type: 'TellPace', words: undefined });
  t.is(decide(three(even, { toldPace: { words: undefined, at: 0 } })).type, 'Wait');
  t.is(decide(three(even)).type, 'Wait');
});

test('as long as somebody has not told its pace in this round, nobody is judged', (t) => {
  t.is(decide(three({ 'pod-a': 100, 'pod-b': 210 })).type, 'Wait');
  const ofBefore = new Map(
    Object.entries(slow).map(([uid, busyMs]) => [uid, { round: 0, busyMs: [busyMs] }]),
  );
  t.is(decide(three(slow, { paces: ofBefore })).type, 'Wait');
});

test('the first of the world speaks for all', (t) => {
  const paces = new Map([
    ['pod-a', { round: 1, busyMs: [100] }],
    ['pod-b', { round: 1, busyMs: [300] }],
  ]);
  t.is(decide(aPair(0, { paces, now })).type, 'TellPace');
  t.is(decide(aPair(1, { paces, now })).type, 'Wait');
});

test('of the devices of a pod the slow one is named, in a world of one pod too', (t) => {
  const one = aList('pod-a');
  const pod = { ...one, members: one.members.map((member) => ({ ...member, devices: 4 })) };
  const found = (busyMs: readonly number[]) =>
    decide(
      three({}, {
        ...{ list: pod, state: aState({ world: worldOfList(pod) }) },
        paces: new Map([['pod-a', { round: 1, busyMs }]]),
      } as Partial<Situation>),
    );
  t.deepEqual(found([100, 100, 100, 300]), {
    type: 'TellPace',
    words:
      'device 3 of worker 0 on node node-1 takes 3.0 times as long as the others for its part of a step',
  });
  t.is(found([100, 100, 100]).type, 'Wait');
});
