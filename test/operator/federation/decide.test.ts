// What is said of a party and done about its Job, in each state that it can be in.
import test from 'ava';
import type { PartyProgress } from '../../../crds/wire/federation-pod.ts';
import { decideParty, type PartyFacts } from '../../../operator/federation/decide.ts';
import type { PartyRole } from '../../../operator/federation/party.ts';
import { type AddressedPod, addressedPods } from '../../../operator/job/observed/addressed-pod.ts';
import { batchJobs } from '../../../operator/job/observed/batch-job.ts';
import { observedParty, tells } from '../../builders/federation.ts';

const meta = { uid: 'job-1', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

function aJob(ended?: 'Complete' | 'Failed', generation = 2) {
  const conditions =
    ended === undefined ? [] : [{ type: ended, status: 'True', message: 'backoff limit' }];
  const annotations = { 'anneal.dev/generation': String(generation) };
  const metadata = { ...meta, name: 'north-client', namespace: 'team', annotations };
  return batchJobs.read({ metadata, spec: {}, status: { conditions } });
}

function aPod(status: object): AddressedPod {
  return addressedPods.read({ metadata: { ...meta, name: 'pod-1' }, status });
}

const running = aPod({ phase: 'Running', podIP: '10.0.0.1' });

function facts(
  role: PartyRole,
  changes: Partial<PartyFacts> = {},
  status: object = {},
): PartyFacts {
  return {
    party: observedParty(role, {}, { status }),
    ...{ job: aJob(), pods: [running], left: [], told: tells() },
    ...{ warning: undefined, refused: undefined },
    ...{ now: 0, ...changes },
  };
}

function said(of: PartyFacts, type: string): readonly string[] {
  const found = decideParty(of).status.conditions?.find((one) => one.type === type);
  return found === undefined ? [] : [found.status, found.reason, found.message];
}

const none = { job: undefined, pods: [], told: undefined };

test('one without a Job gets one, and says that it is starting', (t) => {
  const { step, status, isEnded } = decideParty(facts('client', none));
  t.is(step, 'Create');
  t.false(isEnded);
  t.is(status.phase, 'Pending');
});

test('one whose Job somebody deleted gets no second pod while the first saves', (t) => {
  const saving = facts('client', { ...none, left: [running] });
  t.is(decideParty(saving).step, 'Keep');
  const sentence = 'pod pod-1 was made before and has yet to end';
  t.deepEqual(said(saving, 'Complete'), ['False', 'Replacing', sentence]);
  t.like(decideParty(saving).status, { phase: 'Pending', message: sentence });
});

test('a client that trains says in which round, and that the bus answers', (t) => {
  const trains = facts('client');
  const { step, status } = decideParty(trains);
  t.is(step, 'Keep');
  t.like(status, {
    ...{ phase: 'Running', message: 'north step 3 of 20', round: 1, rounds: 3, progress: '1/3' },
    observedGeneration: 2,
  });
  t.is(said(trains, 'Connected')[0], 'True');
  t.deepEqual(said(trains, 'TakesPart'), ['True', 'Accepted', 'it takes part in round 1 of 3']);
  t.deepEqual(said(trains, 'Complete').slice(0, 2), ['False', 'Running']);
});

test('a hub says who was used and who not, the loss, and what records have spent', (t) => {
  const clients = { used: ['north'], refused: [{ client: 'south', reason: 'it is late' }] };
  const { status } = decideParty(
    facts('hub', { told: tells({ loss: 2.04741, clients, epsilon: 1.23456789 }) }),
  );
  t.like(status, { heldOutLoss: '2.04741', epsilon: '1.23457' });
  t.deepEqual(status.clients, {
    ...{ summary: '1/2', used: ['north'] },
    refused: [{ name: 'south', reason: 'it is late' }],
  });
  t.deepEqual(said(facts('hub'), 'TakesPart'), [], 'that is of a client');
  t.is(decideParty(facts('hub', { told: tells({ loss: null }) })).status.heldOutLoss, 'NaN');
});

test('what was told stays while a pod does not answer', (t) => {
  const before = decideParty(facts('client', { told: tells({ submitted: 1, epsilon: 2 }) })).status;
  const { status } = decideParty(facts('client', { told: undefined }, before));
  t.like(status, { round: 1, progress: '1/3', submitted: 1, epsilon: '2' });
  t.is(said(facts('client', { told: undefined }), 'Connected')[1], 'NoPod');
  // Of another generation it is about something else.
  const other = { ...before, observedGeneration: 1 };
  t.is(decideParty(facts('client', { told: undefined }, other)).status.round, undefined);
});

test('a bus that does not answer is a condition with its sentence', (t) => {
  const warning = 'no server answers at tls://hub.example:4333; it is tried again';
  const away = tells({ isConnected: false, doing: 'bus connecting', warning });
  t.deepEqual(said(facts('client', { told: away }), 'Connected'), [
    ...['False', 'BusNotReachable', warning],
  ]);
  const early = tells({ isConnected: false, doing: 'bus connecting' });
  t.is(said(facts('client', { told: early }), 'Connected')[1], 'Connecting');
  t.is(decideParty(facts('client', { told: away })).status.message, warning);
});

test('a client whose budget is spent takes no part, and its pod goes on', (t) => {
  const message = 'round 2 would bring its epsilon from 7.9 to 8.3; its maxEpsilon is 8';
  const spent = facts('client', {
    told: tells({ declined: { code: 'E_PRIVACY_SPENT', message }, round: 2 }),
  });
  t.deepEqual(said(spent, 'TakesPart'), ['False', 'PrivacySpent', message]);
  t.is(decideParty(spent).status.phase, 'Running');
});

const ended = (failure?: PartyProgress['failure']) =>
  tells({ state: failure === undefined ? 'Complete' : 'Failed', failure });

test('one that is done stays done, also when its Job is removed, until its spec changes', (t) => {
  const done = facts('client', { job: aJob('Complete'), told: ended() });
  const { status, step, isEnded } = decideParty(done);
  t.true(isEnded);
  t.deepEqual([status.phase, step], ['Succeeded', 'Keep']);
  t.is(said(done, 'Complete')[0], 'True');
  const removed = decideParty(facts('client', none, status));
  t.deepEqual(
    [removed.status.phase, removed.step, removed.status.progress],
    [...['Succeeded', 'Keep', '1/3']],
  );
  const changed = decideParty(facts('client', none, { ...status, observedGeneration: 1 }));
  t.deepEqual([changed.status.phase, changed.step], ['Pending', 'Create']);
});

test('one that failed says why, and begins again where its Job is removed', (t) => {
  const failure = {
    ...{ code: 'E_DIGEST_MISMATCH', message: 'its base a has the digest b' },
    hint: 'take the same files as the hub',
  };
  const lost = facts('client', { job: aJob('Failed'), told: ended(failure) });
  const { status, step } = decideParty(lost);
  t.like(status, { phase: 'Failed', message: failure.message, failure });
  t.is(step, 'Keep');
  t.deepEqual(said(lost, 'Failed'), ['True', 'DigestMismatch', failure.message]);
  t.is(decideParty(facts('client', none, status)).step, 'Create');
  const silent = decideParty(facts('client', { job: aJob('Failed'), told: undefined }));
  t.is(silent.status.failure?.message, 'backoff limit');
});

test('a Job of another generation goes before the next one is made', (t) => {
  const old = facts('client', { job: aJob(undefined, 1) });
  t.is(decideParty(old).step, 'Remove');
  t.is(said(old, 'Complete')[1], 'Replacing');
  t.is(decideParty(old).status.round, undefined, 'what the old pod tells is of the old spec');
  const job = aJob(undefined, 1);
  const going = { ...job, metadata: { ...job.metadata, deletionTimestamp: 'now' } };
  t.is(decideParty(facts('client', { job: going })).step, 'Keep');
  t.is(decideParty(facts('client', { job: aJob('Complete', 1) })).isEnded, false);
});

const waits: readonly (readonly [string, Partial<PartyFacts>, string, RegExp])[] = [
  [
    'a Secret that is not there',
    {
      warning: { reason: 'FailedMount', message: 'x : secret "key-of-it" not found', at: 0 },
      pods: [aPod({ phase: 'Pending' })],
    },
    'SecretNotFound',
    /^Secret key-of-it is not there; the pod waits for it, and for the key of this party under key$/,
  ],
  [
    'a Secret without the key',
    {
      warning: { reason: 'FailedMount', message: 'references non-existent secret key: key', at: 0 },
      pods: [aPod({ phase: 'Pending' })],
    },
    'SecretKeyNotFound',
    /^Secret key-of-it has nothing under key/,
  ],
  [
    'another volume',
    {
      warning: { reason: 'FailedMount', message: 'timed out', at: 0 },
      pods: [aPod({ phase: 'Pending' })],
    },
    'PodWaits',
    /^FailedMount: timed out$/,
  ],
  [
    'a claim that is not there',
    {
      pods: [
        aPod({
          phase: 'Pending',
          conditions: [
            { type: 'PodScheduled', status: 'False', message: 'claim "state" not found' },
          ],
        }),
      ],
    },
    'Unschedulable',
    /^claim "state" not found$/,
  ],
  [
    'an image',
    {
      pods: [
        aPod({
          phase: 'Pending',
          containerStatuses: [
            { name: 'a', state: { waiting: { reason: 'ErrImagePull', message: 'denied' } } },
          ],
        }),
      ],
    },
    'ErrImagePull',
    /^ErrImagePull: denied$/,
  ],
  [
    'a quota',
    { pods: [], warning: { reason: 'FailedCreate', message: 'exceeded quota', at: 0 } },
    'NoPod',
    /^its Job gets no pod: exceeded quota$/,
  ],
];

for (const [what, changes, reason, sentence] of waits) {
  test(`a pod that waits for ${what} says so`, (t) => {
    const waiting = facts('client', { told: undefined, ...changes });
    const [status, found, message = ''] = said(waiting, 'Complete');
    t.deepEqual([status, found], ['False', reason]);
    t.regex(message, sentence);
    t.like(decideParty(waiting).status, { phase: 'Pending', message });
  });
}

test('what cannot be built, and what the cluster refuses, is not accepted', (t) => {
  const local = { train: { local: { path: 'a' } } };
  const wrong = { ...facts('client', none), party: observedParty('client', local) };
  const { built, status } = decideParty(wrong);
  t.is(built, undefined);
  t.is(said(wrong, 'Accepted')[1], 'InvalidSpec');
  t.regex(status.message ?? '', /^spec\.train is local/);
  const refused = { reason: 'NameConflict', message: 'Job north-client belongs to someone else' };
  const taken = facts('client', { ...none, refused });
  t.deepEqual(said(taken, 'Accepted').slice(0, 2), ['False', 'NameConflict']);
  t.is(decideParty(taken).status.message, refused.message);
});
