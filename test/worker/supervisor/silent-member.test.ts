import test from 'ava';
import { decide } from '../../../worker/supervisor/decide.ts';
import type { Situation } from '../../../worker/supervisor/situation.ts';
import {
  aDesired,
  aList,
  aPair,
  aRunning,
  aState,
  startMs,
  worldOfList,
} from '../../builders/situation.ts';

const list = aList('pod-a', 'pod-b', 'pod-c');
/** Pod `pod-a` of three; the others were heard so many milliseconds after the start. */
const three = (heartbeats: Readonly<Record<string, number>>, changes: Partial<Situation> = {}) =>
  aPair(0, {
    ...{ list, state: aState({ world: worldOfList(list) }), desired: aDesired({ workers: 3 }) },
    heartbeats: new Map(Object.entries(heartbeats).map(([uid, ms]) => [uid, startMs + ms])),
    ...{ now: startMs + 30_000, trainer: aRunning() },
    ...changes,
  });

test('a member that is silent for ten seconds is given up', (t) => {
  t.like(decide(three({ 'pod-b': 29_000, 'pod-c': 20_000 })), {
    ...{ type: 'Open', cause: 'MemberUnreachable' },
    change: { restarts: { counted: 1, lastCause: 'PeerLost' } },
  });
});

test('one that was never heard is given up ten seconds after training began', (t) => {
  const began = (ms: number) => ({ trainer: aRunning({ since: startMs + ms }) });
  t.like(decide(three({ 'pod-b': 29_000 }, began(20_000))), { cause: 'MemberUnreachable' });
  t.deepEqual(decide(three({ 'pod-b': 29_000 }, began(20_001))), {
    ...{ type: 'Wait', until: startMs + 30_001 },
  });
});

test('until then the pod waits for just so long', (t) => {
  const situation = three({ 'pod-b': 29_000, 'pod-c': 20_001 });
  t.deepEqual(decide(situation), { type: 'Wait', until: startMs + 30_001 });
});

test('who hears only half of the world or less does not know that it is the others', (t) => {
  const situation = three({ 'pod-b': 19_000, 'pod-c': 19_000 });
  t.deepEqual(
    decide(situation),
    { type: 'Wait', until: startMs + 33_000 },
    'it looks again when the next heartbeats are due: none of them wakes it',
  );
});

test('of two, none can know', (t) => {
  const heartbeats = new Map([['pod-b', startMs]]);
  t.is(decide(aPair(0, { heartbeats, now: startMs + 30_000 })).type, 'Wait');
});

test('a bus that has just come back has told nothing yet', (t) => {
  const bus = { connected: true, since: startMs + 25_000 };
  t.is(decide(three({ 'pod-b': 29_000, 'pod-c': 5_000 }, { bus })).type, 'Wait');
});

test('a pod that the world does without judges nobody', (t) => {
  const me = { index: 3, podUID: 'pod-d', workerRevision: 1, bootAt: startMs };
  const found = decide(
    three({ 'pod-b': 29_000, 'pod-c': 5_000 }, { me, trainer: { type: 'None' } }),
  );
  t.is(found.type, 'Wait');
});
