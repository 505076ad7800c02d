// What a worker pod does next, as a table: from the first record to the result, and through
// everything that goes wrong on the way.
import test from 'ava';
import type { MemberRecord, StateRecord } from '../../../crds/wire/state.ts';
import { failureWith } from '../../../worker/supervisor/end-of-child.ts';
import {
  aDesired,
  aMember,
  anAck,
  anEnded,
  aPolicy,
  aRunning,
  aSituation,
  aState,
  aTraining,
  aWorld,
  someRecords,
  startMs,
} from '../../builders/situation.ts';
import { decides } from './decides.ts';

const saved = { step: 6, path: 'round-1/checkpoints/step-00000006' };
const head = {
  ...{ step: 3, round: 1, manifest: 'round-1/step-00000003', digest: 'd' },
  time: new Date(startMs).toISOString(),
};
const counted = (round: number) =>
  aState({
    round,
    opened: { by: 'pod-a', cause: 'ProcessFailed', at: new Date(startMs + 4_900).toISOString() },
    restarts: { ...aState().restarts, counted: 2, sinceCommit: 2 },
  });

test(
  'a new pod waits for the state record of its job',
  decides,
  aSituation({ records: someRecords({}) }),
  {
    type: 'Wait',
    until: startMs + 4_500 + 900_000,
  },
);

test(
  'a job whose record nobody writes is given up in time',
  decides,
  aSituation({ records: someRecords({}), now: startMs + 4_500 + 900_000 }),
  { type: 'Exit', code: 69 },
);

test('a new pod joins the open round', decides, aSituation(), { type: 'Join', round: 1 });

test(
  'the only member forms the world',
  decides,
  aSituation({ members: { '1.0': aMember() }, joined: 1 }),
  { type: 'CommitWorld' },
);

test(
  'a world waits for as many members as are wanted',
  decides,
  aSituation({ members: { '1.0': aMember() }, joined: 1, desired: aDesired({ workers: 2 }) }),
  { type: 'Wait' },
);

test(
  'of two members the one with the lowest index forms the world',
  decides,
  aSituation({
    members: { '1.1': aMember(), '1.0': aMember('pod-b') },
    joined: 1,
    desired: aDesired({ workers: 2 }),
    me: { index: 1, podUID: 'pod-a', workerRevision: 1, bootAt: startMs },
  }),
  { type: 'Wait' },
);

test(
  'a member of a committed world starts its trainer',
  decides,
  aTraining({ trainer: { type: 'None' } }),
  { type: 'Start', round: 1 },
);

test('when the trainer has restored, the others are told', decides, aTraining({ acks: {} }), {
  type: 'Acknowledge',
  change: { restored: true },
});

test('while the trainer works, nothing is done', decides, aTraining(), {
  type: 'Wait',
  until: startMs + 600_000,
});

test(
  'a checkpoint that the trainer wrote is committed',
  decides,
  aTraining({ trainer: aRunning({ saved }), state: aState({ world: aWorld, checkpoint: head }) }),
  { type: 'Commit', saved },
);

test(
  'a committed checkpoint is not committed again',
  decides,
  aTraining({
    trainer: aRunning({ saved }),
    state: aState({ world: aWorld, checkpoint: { ...head, step: 6 } }),
  }),
  { type: 'Wait' },
);

test(
  'a trainer of an earlier round is ended, and what it saved is never committed',
  decides,
  aTraining({ trainer: aRunning({ saved }), state: aState({ round: 2 }) }),
  { type: 'Kill', why: 'Outdated' },
);

test(
  'what is left of an earlier round is forgotten',
  decides,
  aTraining({ trainer: anEnded('Stopped', { saved }), state: aState({ round: 2 }) }),
  { type: 'Forget' },
);

test(
  'a survivor joins the next round',
  decides,
  aTraining({ trainer: { type: 'None' }, state: aState({ round: 2 }) }),
  { type: 'Join', round: 2 },
);

test(
  'after a restart that is counted, joining waits: one second, two, four',
  decides,
  aTraining({ trainer: { type: 'None' }, state: counted(2) }),
  { type: 'Wait', until: startMs + 4_900 + 2_000 },
);

test(
  'the end of training is one write: the last checkpoint and the result',
  decides,
  aTraining({
    trainer: anEnded('Done', { saved, result: { reason: 'Finished', step: 6 } }),
    state: aState({ world: aWorld, checkpoint: head }),
  }),
  { type: 'Commit', saved, result: { reason: 'Finished', step: 6 } },
);

test(
  'with the result in the record a pod ends well',
  decides,
  aTraining({
    trainer: { type: 'None' },
    state: aState({ result: { type: 'Succeeded', reason: 'Finished', step: 6 } }),
  }),
  { type: 'Exit', code: 0 },
);

test(
  'a pod that comes after the result ends well without training',
  decides,
  aSituation({ state: aState({ result: { type: 'Succeeded', reason: 'Finished', step: 6 } }) }),
  { type: 'Exit', code: 0 },
);

test(
  'a trainer that died is started again in a new round, and counted',
  decides,
  aTraining({ trainer: anEnded(failureWith('E_CRASHED', 'died')) }),
  {
    type: 'Open',
    cause: 'ProcessFailed',
    change: {
      restarts: {
        ...aState().restarts,
        counted: 1,
        sinceCommit: 1,
        window: [new Date(startMs + 5_000).toISOString()],
        lastCause: 'ProcessCrashed',
        repeats: 1,
      },
      adjustments: [],
    },
  },
);

test(
  'what a trainer saved before it died is committed first',
  decides,
  aTraining({ trainer: anEnded(failureWith('E_CRASHED', 'died'), { saved }) }),
  { type: 'Commit', saved },
);

test(
  'a permanent failure becomes the result of the job',
  decides,
  aTraining({ trainer: anEnded(failureWith('E_DIVERGED', 'not finite')) }),
  { type: 'Fail' },
);

test(
  'the pod that failed ends with its code',
  decides,
  aTraining({
    trainer: anEnded(failureWith('E_DIVERGED', 'not finite')),
    state: aState({ result: failed(0) }),
  }),
  { type: 'Exit', code: 74 },
);

test(
  'the other pods of a failed job end as planned',
  decides,
  aTraining({ trainer: { type: 'None' }, state: aState({ result: failed(1) }) }),
  { type: 'Exit', code: 75 },
);

test(
  'a trainer is ended when the job has a result',
  decides,
  aTraining({ state: aState({ result: failed(1) }) }),
  { type: 'Kill', why: 'Outdated' },
);

test(
  'a trainer that says nothing for too long is ended',
  decides,
  aTraining({ now: startMs + 600_000 }),
  { type: 'Kill', why: 'Hang' },
);

test('SIGTERM asks the trainer to save', decides, aTraining({ terminateBy: startMs + 100_000 }), {
  type: 'Ask',
  what: 'stop',
});

test(
  'after SIGTERM the trainer has until the end of the grace period',
  decides,
  aTraining({ terminateBy: startMs + 100_000, trainer: aRunning({ asked: 'Stop' }) }),
  { type: 'Wait', until: startMs + 100_000 },
);

test(
  'a save that takes too long is given up',
  decides,
  aTraining({
    now: startMs + 100_000,
    terminateBy: startMs + 100_000,
    trainer: aRunning({ asked: 'Stop' }),
  }),
  { type: 'Kill', why: 'Late' },
);

test(
  'what was saved after SIGTERM is committed',
  decides,
  aTraining({ terminateBy: startMs + 100_000, trainer: anEnded('Stopped', { saved }) }),
  { type: 'Commit', saved },
);

test(
  'a pod that goes opens the round for the next one, and nobody is charged',
  decides,
  aTraining({ terminateBy: startMs + 100_000, trainer: { type: 'None' } }),
  {
    type: 'Open',
    cause: 'Disruption',
    change: { restarts: { ...aState().restarts, disruptions: 1 } },
  },
);

test(
  'then it goes',
  decides,
  aTraining({
    terminateBy: startMs + 100_000,
    trainer: { type: 'None' },
    state: aState({ round: 2 }),
  }),
  { type: 'Exit', code: 75 },
);

test(
  'the operator asks for a stop with a save: the trainer is asked',
  decides,
  aTraining({ desired: aDesired({ stop: 'Save' }) }),
  { type: 'Ask', what: 'stop' },
);

test(
  'stopped as asked is told with the step that is safe',
  decides,
  aTraining({
    trainer: { type: 'None' },
    desired: aDesired({ stop: 'Save' }),
    state: aState({ world: aWorld, checkpoint: head }),
  }),
  { type: 'Acknowledge', change: { stoppedStep: 3 } },
);

test(
  'that another pod of the same index had stopped is not this one having stopped',
  decides,
  aTraining({
    trainer: { type: 'None' },
    desired: aDesired({ stop: 'Save' }),
    state: aState({ world: aWorld, checkpoint: head }),
    acks: { '1.0': anAck({ podUID: 'pod-b', stoppedStep: 2 }) },
  }),
  { type: 'Acknowledge', change: { stoppedStep: 3 } },
);

test(
  'a stopped pod waits to be removed and opens nothing',
  decides,
  aTraining({
    trainer: { type: 'None' },
    desired: aDesired({ stop: 'Save' }),
    acks: { '1.0': anAck({ stoppedStep: 3 }) },
  }),
  { type: 'Wait' },
);

test(
  'a stopped pod that is removed only goes',
  decides,
  aTraining({
    trainer: { type: 'None' },
    desired: aDesired({ stop: 'Save' }),
    acks: { '1.0': anAck({ stoppedStep: 3 }) },
    terminateBy: startMs + 100_000,
  }),
  { type: 'Exit', code: 75 },
);

test('a stop at once does not save', decides, aTraining({ desired: aDesired({ stop: 'Now' }) }), {
  type: 'Kill',
  why: 'Now',
});

test(
  'a stop that was meant for an earlier revision is none',
  decides,
  aTraining({ desired: aDesired({ stop: 'Now', workerRevision: 0 }) }),
  { type: 'Wait' },
);

test(
  'the operator asks for a save: the trainer is told once',
  decides,
  aTraining({ desired: aDesired({ save: 2 }) }),
  { type: 'Ask', what: 'save', value: 2 },
);

test(
  'a save that is under way is waited for',
  decides,
  aTraining({
    desired: aDesired({ save: 2 }),
    trainer: aRunning({ save: { asked: 2, done: false } }),
  }),
  { type: 'Wait' },
);

test(
  'a save that was asked for is told when it is committed',
  decides,
  aTraining({
    desired: aDesired({ save: 2 }),
    trainer: aRunning({ save: { asked: 2, done: true }, saved }),
    state: aState({ world: aWorld, checkpoint: { ...head, step: 6 } }),
  }),
  { type: 'Acknowledge', change: { saved: 2, savedStep: 6 } },
);

test(
  'a pod of an earlier revision goes when a later one has begun',
  decides,
  aTraining({ trainer: { type: 'None' }, state: aState({ workerRevision: 2 }) }),
  { type: 'Exit', code: 75 },
);

test(
  'a pod of an earlier revision ends its trainer first',
  decides,
  aTraining({ state: aState({ workerRevision: 2 }) }),
  { type: 'Kill', why: 'Outdated' },
);

test(
  'a pod of a new revision waits for its record',
  decides,
  aSituation({ state: aState({ workerRevision: 0, world: aWorld }) }),
  { type: 'Wait' },
);

test(
  'a new pod in the place of a lost one leaves it to the operator to say why, for a while',
  decides,
  aSituation({ state: aState({ world: aWorld }), members: { '1.0': aMember('pod-lost') } }),
  { type: 'Wait', until: startMs + 4_000 + 30_000 },
);

test(
  'then it opens a round by itself',
  decides,
  aSituation({
    now: startMs + 34_000,
    state: aState({ world: aWorld }),
    members: { '1.0': aMember('pod-lost') },
  }),
  { type: 'Open', cause: 'PodLost' },
);

test(
  'a new pod takes the place of one that joined and was lost before the world was formed',
  decides,
  aSituation({ members: { '1.0': aMember('pod-lost') } }),
  { type: 'Join', round: 1, over: 7 },
);

test(
  'a pod that finds a younger one in its place goes',
  decides,
  aTraining({
    trainer: { type: 'None' },
    state: aState({ round: 2 }),
    members: { '2.0': aYounger('pod-younger') },
  }),
  { type: 'Exit', code: 75 },
);

test(
  'also where the world has been formed, with either of them',
  decides,
  aTraining({ trainer: { type: 'None' }, members: { '1.0': aYounger('pod-younger') } }),
  { type: 'Exit', code: 75 },
);

test(
  'a pod that was a member before takes its place again from an older one, which still runs on a lost node',
  decides,
  aTraining({
    trainer: { type: 'None' },
    state: aState({ round: 2 }),
    members: { '2.0': aMember('pod-on-a-lost-node') },
  }),
  { type: 'Join', round: 2, over: 7 },
);

function aYounger(podUID: string): MemberRecord {
  return { ...aMember(podUID), bootAt: new Date(startMs + 8_000).toISOString() };
}

const away = { connected: false, since: startMs + 4_000 };

test(
  'without the bus training goes on',
  decides,
  aTraining({ bus: away, trainer: aRunning({ saved }) }),
  {
    type: 'Wait',
  },
);

test(
  'without the bus a trainer that ended waits for it',
  decides,
  aTraining({ bus: away, trainer: anEnded(failureWith('E_CRASHED', 'died')) }),
  { type: 'Wait', until: startMs + 4_900 + 900_000 },
);

test(
  'a bus that stays away is a failure of a dependency',
  decides,
  aTraining({
    bus: away,
    now: startMs + 4_900 + 900_000,
    trainer: anEnded(failureWith('E_CRASHED', 'died')),
  }),
  { type: 'Exit', code: 69 },
);

test(
  'without the bus SIGTERM still saves',
  decides,
  aTraining({ bus: away, terminateBy: startMs + 100_000 }),
  { type: 'Ask', what: 'stop' },
);

test(
  'without the bus a pod that has saved goes',
  decides,
  aTraining({ bus: away, terminateBy: startMs + 100_000, trainer: anEnded('Stopped', { saved }) }),
  { type: 'Exit', code: 75 },
);

test(
  'a record of a newer version is not touched',
  decides,
  aSituation({ records: { ...someRecords({}), unreadable: ['team-a.1.state'] } }),
  { type: 'Exit', code: 64 },
);

test(
  'a second device fault is left to the operator, who knows other nodes',
  decides,
  aTraining({
    trainer: anEnded(failureWith('E_DEVICE_FAULT', 'ecc')),
    state: aState({
      world: aWorld,
      restarts: { ...aState().restarts, lastCause: 'DeviceFault', repeats: 1 },
    }),
  }),
  { type: 'Exit', code: 71 },
);

test(
  'an ended trainer without a result did not end well',
  decides,
  aTraining({ trainer: anEnded('Done') }),
  { type: 'Open', cause: 'ProcessFailed' },
);

test(
  'a job that may not be restarted fails at the first crash',
  decides,
  aTraining({
    trainer: anEnded(failureWith('E_CRASHED', 'died')),
    policy: aPolicy({ maxRestarts: 0 }),
  }),
  { type: 'Fail' },
);

function failed(index: number): NonNullable<StateRecord['result']> {
  const words = { code: 'E_DIVERGED', reason: 'Diverged', message: 'not finite' };
  return { type: 'Failed', ...words, index, exitCode: 74 };
}
