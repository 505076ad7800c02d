// The rendezvous of pods: who joins, who writes the list, who begins.
import test from 'ava';
import {
  aDesired,
  aList,
  aMember,
  anAck,
  aPair,
  aRunning,
  aSituation,
  aState,
  startMs,
  worldOfList,
} from '../../builders/situation.ts';
import { decides } from './decides.ts';

const none = { type: 'None' } as const;
const second = { index: 1, podUID: 'pod-a', workerRevision: 1, bootAt: startMs } as const;

test('the first member starts at once', decides, aPair(0, { trainer: none, acks: {} }), {
  type: 'Start',
  assignment: {
    ...{ rank: 0, trainers: 1, size: 2, pods: 2, first: 0, neighbours: 2 },
    store: { host: '10.0.0.1', port: 29_400 },
  },
});

test(
  'the first member tells the others that the folder of the round is there',
  decides,
  aPair(0, { acks: {} }),
  { type: 'Acknowledge', change: { opened: true } },
);

test(
  'what a pod before this one told is told again',
  decides,
  aPair(0, { acks: { '1.0': anAck({ podUID: 'earlier', opened: true }) } }),
  { type: 'Acknowledge', change: { opened: true } },
);

test('the other members wait for that word', decides, aPair(1, { trainer: none, acks: {} }), {
  type: 'Wait',
});

test(
  'and start when it is there',
  decides,
  aPair(1, { trainer: none, acks: { '1.0': anAck({ podUID: 'pod-b', opened: true }) } }),
  { type: 'Start', assignment: { rank: 1, size: 2 } } as never,
);

test(
  'a pod that is to go does not join the next world',
  decides,
  aPair(1, { trainer: none, state: aState({ round: 2 }), desired: aDesired() }),
  { type: 'Wait' },
);

test(
  'a world of one is not kept waiting for the pod that is to go',
  decides,
  aPair(0, {
    ...{ trainer: none, state: aState({ round: 2 }), desired: aDesired() },
    members: { '2.0': aMember(), '2.1': aMember('pod-b') },
  }),
  { type: 'CommitWorld' },
);

test(
  'the pod that is to go leaves without disturbing the others',
  decides,
  aPair(1, {
    ...{ trainer: none, desired: aDesired(), terminateBy: startMs + 60_000, joined: 2 },
    state: aState({ round: 2, world: worldOfList(aList('pod-b')) }),
    members: { '2.0': aMember('pod-b') },
    list: aList('pod-b'),
  }),
  { type: 'Exit', code: 75 },
);

test(
  'a newcomer beside a world that trains waits until it is wanted',
  decides,
  aSituation({
    me: { ...second, index: 2 },
    state: aState({ world: worldOfList(aList('pod-b', 'pod-c')) }),
    desired: aDesired({ workers: 3 }),
    list: aList('pod-b', 'pod-c'),
    members: { '1.0': aMember('pod-b'), '1.1': aMember('pod-c') },
  }),
  { type: 'Wait' },
);

test(
  'a pod that Kubernetes has no more joins no world again',
  decides,
  aPair(0, {
    ...{ trainer: none, members: {} },
    state: aState({ round: 2, opened: { ...openedAt(0), lost: ['pod-a'] } }),
  }),
  {
    type: 'Exit',
    code: 75,
    why: 'Kubernetes has this pod no more, and another one takes its place',
  },
);

const smaller = { workers: 3, min: 2, max: 3 };
const waiting = {
  ...{ trainer: none, state: aState({ round: 2, opened: openedAt(0) }) },
  desired: aDesired(smaller),
  members: { '2.0': aMember(), '2.1': aMember('pod-b') },
};

test(
  'a world that may be smaller waits a minute for all that are wanted',
  decides,
  aPair(0, { ...waiting, now: startMs + 59_000 }),
  { type: 'Wait', until: startMs + 60_000 },
);

test(
  'and is formed of those that are there then',
  decides,
  aPair(0, { ...waiting, now: startMs + 60_000 }),
  { type: 'CommitWorld' },
);

test(
  'one that may not be smaller waits on',
  decides,
  aPair(0, { ...waiting, desired: aDesired({ ...smaller, min: 3 }), now: startMs + 600_000 }),
  { type: 'Wait' },
);

test(
  'fewer than the least wait on',
  decides,
  aPair(0, { ...waiting, members: { '2.0': aMember() }, now: startMs + 600_000 }),
  { type: 'Wait' },
);

test(
  'only the first member commits checkpoints while all train',
  decides,
  aPair(1, { trainer: aRunning({ saved: { step: 6, path: 'p' } }) }),
  { type: 'Wait' },
);

test(
  'only the first member asks for a save: all would save at steps of their own',
  decides,
  aPair(1, { desired: aDesired({ workers: 2, save: 1 }) }),
  { type: 'Wait' },
);

test(
  'every member asks for a stop: the first that hears of it stops all',
  decides,
  aPair(1, { desired: aDesired({ workers: 2, stop: 'Save' }) }),
  { type: 'Ask', what: 'stop' },
);

function openedAt(ms: number) {
  return { by: 'operator', cause: 'PodLost', at: new Date(startMs + ms).toISOString() } as const;
}
