// Why pods are missing or do not start: what a job says of it by itself, when it looks again, and
// when it has waited for long enough.
import test from 'ava';
import type { Condition } from '../../../crds/api/conditions.ts';
import { childName } from '../../../crds/names/child-names.ts';
import type { Facts } from '../../../operator/job/facts.ts';
import { silentObjects } from '../../../operator/job/silent-objects.ts';
import { decided } from '../../builders/decided.ts';
import {
  aChildJob,
  anInitJob,
  aPodOf,
  aPublishJob,
  now,
  planDigestOf,
  seconds,
  someFacts,
  training,
} from '../../builders/job-facts.ts';

const noAccount =
  'pods "first-init-1-x7" is forbidden: error looking up service account team-a/who: serviceaccount "who" not found';
const noRoom = 'pods "first-w1-0-x7" is forbidden: exceeded quota: q, requested: cpu=1';

const told = (uid: string, message: string, age = 1, reason = 'FailedCreate') =>
  new Map([[uid, { reason, message: `Error creating: ${message}`, at: seconds(-age) }]]);

/** An init Job that has had no pod for so long. */
const without = (age: number, warnings?: Facts['warnings']) =>
  someFacts({
    inits: [anInitJob({ active: 0, ready: 0, startedAt: seconds(-age) })],
    ...(warnings === undefined ? {} : { warnings }),
  });

test('a Job without pods is looked at again when it should have some, although nothing tells', (t) => {
  const early = decided(without(5));
  t.is(early.is('Stalled'), undefined);
  t.is(early.wakeAt, seconds(25));
  t.deepEqual(silentObjects(without(29)), []);
  t.deepEqual(silentObjects(without(31)), ['uid-init']);
});

test('the words of its events are those of the job, and it ends with them', (t) => {
  const words = told('uid-init', noAccount);
  const first = decided(without(31, words));
  t.is(first.is('Initialized'), 'False/AdmissionDenied');
  t.is(first.is('Stalled'), 'True/AdmissionDenied');
  t.regex(first.message('Stalled') ?? '', /: error looking up .* "who" not found$/);
  t.notRegex(first.message('Stalled') ?? '', /x7/, 'each try is a pod of another name');
  t.is(first.wakeAt, seconds(60), 'events are not followed: they are asked for again');
  t.is(decided(without(569, words)).wakeAt, seconds(31));
  const last = decided(without(600, words));
  t.is(last.is('Failed'), 'True/AdmissionDenied');
  t.regex(last.status.failure?.message ?? '', /serviceaccount "who" not found/);
});

test('a quota is waited for, and said', (t) => {
  const full = decided(without(7_200, told('uid-init', noRoom)));
  t.is(full.is('Stalled'), 'True/QuotaExceeded');
  t.is(full.is('Failed'), undefined, 'room comes when others end');
  t.regex(full.message('Stalled') ?? '', /exceeded quota: q, requested: cpu=1$/);
  t.is(full.wakeAt, seconds(60));
});

test('where only some workers are let in, the words for the others are found too', (t) => {
  const facts = (warnings?: Facts['warnings']) =>
    training({
      workers: [aChildJob({ parallelism: 2, active: 1 })],
      pods: [aPodOf({ createdAt: seconds(-60) })],
      ...(warnings === undefined ? {} : { warnings }),
    });
  t.deepEqual(silentObjects(facts()), ['uid-w1']);
  t.is(decided(facts()).is('PodsReady'), 'False/Pending');
  const refused = decided(facts(told('uid-w1', noRoom)));
  t.is(refused.is('PodsReady'), 'False/QuotaExceeded');
  t.is(refused.is('Stalled'), 'True/QuotaExceeded');
  const old = decided(facts(told('uid-w1', noRoom, 61)));
  t.is(old.is('Stalled'), undefined, 'what was told before the newest pod was made is over');
});

const starting = (age: number, component: 'init' | 'worker' | 'publish' = 'init') =>
  aPodOf({
    ...{ component, name: 'p', uid: 'uid-p', ready: false, phase: 'Pending' },
    ...{ createdAt: seconds(-age), scheduledAt: seconds(-age) },
    waiting: { reason: 'ContainerCreating', message: '' },
  });

const planName = childName.plan('first', planDigestOf());
const mounting = (what: string) =>
  new Map([['uid-p', { reason: 'FailedMount', message: what, at: now }]]);

const atWork: readonly (readonly [string, (age: number) => Facts])[] = [
  ['init', (age) => someFacts({ inits: [anInitJob()], pods: [starting(age)] })],
  ['worker', (age) => training({ pods: [starting(age, 'worker')] })],
  [
    'publish',
    (age) =>
      training({
        status: { conditions: [finished] },
        publishes: [aPublishJob()],
        pods: [starting(age, 'publish')],
      }),
  ],
];
const finished: Condition = {
  ...{ type: 'Running', status: 'False', reason: 'Finished', message: 'm' },
  ...{ observedGeneration: 1, lastTransitionTime: new Date(now).toISOString() },
};

for (const [component, factsAt] of atWork) {
  const words = (facts: Facts) => decided(facts).words.filter((word) => word === 'EnsurePlan');

  test(`a plan that somebody deleted is made again for the ${component} pod that waits for it`, (t) => {
    const lost = mounting(
      `MountVolume.SetUp failed for volume "plan" : configmap "${planName}" not found`,
    );
    t.deepEqual(words({ ...factsAt(29), warnings: lost }), []);
    t.deepEqual(words({ ...factsAt(31), warnings: lost }), ['EnsurePlan']);
    t.deepEqual(words(factsAt(31)), ['EnsurePlan'], 'also where events may not be read');
  });

  test(`the ${component} pod that waits for another volume says which, and no plan is made`, (t) => {
    const other = { ...factsAt(31), warnings: mounting('the volume of claim notes is in use') };
    t.deepEqual(words(other), []);
    const { message, wakeAt } = decided(other);
    const said = ['Initialized', 'PodsReady', 'Published'].map((type) => message(type as never));
    t.true(said.some((each) => each?.includes('FailedMount: the volume of claim notes is in use')));
    t.is(wakeAt, seconds(60));
  });
}

test('of many pods that do not start the one that waits longest is asked about', (t) => {
  const pods = [40, 90, 60].map((age, index) => ({ ...starting(age), uid: `uid-${index}` }));
  t.deepEqual(silentObjects(someFacts({ inits: [anInitJob()], pods })), ['uid-1']);
});

for (const [component, factsAt] of [
  ['init', (pod: object) => someFacts({ inits: [anInitJob()], pods: [aPodOf(pod)] })],
  [
    'publish',
    (pod: object) =>
      training({
        status: { conditions: [finished] },
        publishes: [aPublishJob()],
        pods: [aPodOf(pod)],
      }),
  ],
] as const) {
  test(`a pod for ${component} that finds no node ends the job after its scheduling time`, (t) => {
    const pod = (age: number) => ({
      ...{ component, ready: false, phase: 'Pending', createdAt: seconds(-age) },
      ...{ scheduledAt: undefined, unschedulable: '0/2 nodes are available' },
    });
    const early = decided(factsAt(pod(60)));
    t.is(early.is('Stalled'), 'True/Unschedulable');
    t.is(early.wakeAt, seconds(540));
    const late = decided(factsAt(pod(600)));
    t.is(late.is('Failed'), 'True/Unschedulable');
    t.regex(late.status.failure?.message ?? '', /no node within 600 s: 0\/2 nodes are available$/);
  });
}
