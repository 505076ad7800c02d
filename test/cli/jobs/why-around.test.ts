import test from 'ava';
import type { Job } from '../../../cli/jobs/job.ts';
import type { OperatorLease } from '../../../cli/jobs/operator-lease.ts';
import { whyOf } from '../../../cli/jobs/why.ts';
import { aListedJob } from '../../builders/listed-job.ts';

const now = new Date('2026-01-01T01:00:00Z');
const ago = (seconds: number) => new Date(now.getTime() - 1000 * seconds).toISOString();
const renewed = { type: 'Renewed' } as const;
const hidden = { type: 'Hidden' } as const;

function why(job: Job, state: OperatorLease['state'], words?: string) {
  const refused = words === undefined ? undefined : { job: 'first-w1', words };
  return whyOf(job, 'anneal', {
    now,
    operator: { at: 'anneal-system/anneal-operator', state },
    refused,
  });
}

const running = (writtenSecondsAgo = 720): Job => {
  const time = ago(writtenSecondsAgo);
  const managedFields = [
    { manager: 'anneal-controller', subresource: 'status', time },
    // What a person changed later says nothing of the operator.
    { manager: 'anneal-cli', time: ago(1) },
  ];
  return aListedJob({
    status: {
      ...{ phase: 'Running', progress: { step: 118, totalSteps: 300 } },
      workers: { replicas: 1, ready: 1 },
    },
    object: { metadata: { managedFields } },
  });
};

test('with an operator at work the job speaks for itself', (t) => {
  t.deepEqual(why(running(), renewed), whyOf(running()));
});

test('a lease that nobody renews is told before the status, which is as old as it says', (t) => {
  t.deepEqual(why(running(), { type: 'Stale', since: new Date(ago(725)) }), {
    happened:
      'No operator acts on the job: its lease anneal-system/anneal-operator was last renewed 12 minutes ago. The status is 12 minutes old: Running, step 118.',
    doing:
      'Nothing is started, restarted, saved in the status or published until one runs. Its pods continue alone.',
    change:
      'anneal doctor shows what is missing. ANNEAL_SYSTEM_NAMESPACE and ANNEAL_RELEASE name the namespace and release of the chart, if they are others.',
  });
});

test('without a lease nobody acts, unless somebody has just written the status', (t) => {
  const { happened } = why(running(), { type: 'Absent' });
  t.regex(
    happened,
    /^No operator acts on the job: there is no lease anneal-system\/anneal-operator\. /,
  );
  t.deepEqual(why(running(20), { type: 'Absent' }), whyOf(running()));
});

test('who may not see the lease is told how old the status is, and that it cannot be seen', (t) => {
  const { happened, doing, change } = why(running(1500), hidden);
  t.is(happened, 'It trains: step 118 of 300. Its status was last written 25 minutes ago.');
  t.is(
    doing,
    'Whether an operator runs cannot be seen: the lease anneal-system/anneal-operator may not be read.',
  );
  t.not(change, '');
  t.deepEqual(why(running(300), hidden), whyOf(running()));
});

test('a job that nobody has looked at for a minute is told so, whoever asks', (t) => {
  for (const state of [renewed, hidden]) {
    const { happened } = why(aListedJob({ createdAt: ago(180) }), state);
    t.is(happened, 'No operator has handled the job in the 3 minutes since it was created.');
    const fresh = aListedJob({ createdAt: ago(5) });
    t.deepEqual(why(fresh, state), whyOf(fresh));
  }
});

test('a job that ended needs nobody; one that is deleted does', (t) => {
  const stale = { type: 'Stale', since: new Date(ago(7200)) } as const;
  const ended = aListedJob({ status: { phase: 'Succeeded' } });
  t.deepEqual(why(ended, stale), whyOf(ended));
  t.regex(why({ ...ended, deleting: true }, stale).happened, /^No operator acts on the job: /);
});

const refusals: readonly (readonly [words: string, change: RegExp])[] = [
  ['exceeded quota: cpu, requested: requests.cpu=2, used: 1, limited: 2', /more quota/],
  ['failed quota: cpu: must specify limits.cpu for: worker', /more quota/],
  [
    'error looking up service account team-a/nobody: serviceaccount "nobody" not found',
    /spec\.worker\.serviceAccountName/,
  ],
  ['admission webhook "images.corp" denied the request: only corp/ images', /owner of that policy/],
  [
    'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
    /owner of that policy/,
  ],
];

for (const [words, change] of refusals) {
  test(`pods that are refused are told in the words of the cluster: ${words.slice(0, 30)}`, (t) => {
    const job = aListedJob({ status: { phase: 'Starting', workers: { replicas: 0, ready: 0 } } });
    const told = why(job, renewed, words);
    t.is(told.happened, `The cluster creates no pods for Job first-w1: ${words}.`);
    t.regex(told.change, change);
    const failure = { code: 'E_ADMISSION_DENIED', reason: 'AdmissionDenied', message: 'no pod' };
    const after = why(aListedJob({ status: { phase: 'Failed', failure } }), renewed, words);
    t.true(after.happened.includes(words), after.happened);
    t.regex(after.change, change);
  });
}
