// A sweep prepares once: who is a sibling, whose work may be taken, who waits for whom, and what
// becomes of a job whose sibling's work is gone.
import test from 'ava';
import { prepareDigest } from '../../../crds/plan/prepare-digest.ts';
import { BegunPreparations } from '../../../operator/job/begun-preparations.ts';
import type { Sibling } from '../../../operator/job/facts.ts';
import { batchJobs } from '../../../operator/job/observed/batch-job.ts';
import { fineTuneJobs } from '../../../operator/job/observed/fine-tune-job.ts';
import { pods } from '../../../operator/job/observed/pod.ts';
import { byRequest, byWaiting, siblingsOf, wakeWaiting } from '../../../operator/job/siblings.ts';
import { Store } from '../../../operator/runtime/store.ts';
import { decided } from '../../builders/decided.ts';
import { smol135 } from '../../builders/facts.ts';
import { aSpec, aWrittenJob, type Changes, changed } from '../../builders/job.ts';
import { aChildJob, aPodOf, ended, now, seconds, someFacts } from '../../builders/job-facts.ts';

const words = {
  model: { digest: 'sha256:0', family: 'Llama', format: 'GGUF', facts: smol135 },
  dataset: {
    ...{ digest: 'd', samples: 10, tokens: 100, targetTokens: 50, skipped: 1 },
    ...{ sequences: 10, longest: 20 },
  },
} as const;
const run = 'other-00000000';
const working: Sibling = { name: 'other', run, done: undefined };
const doneAt = (at: number): Sibling => ({ name: 'other', run, done: { at, prepared: words } });
const createsInit = ({ words: calls }: { readonly words: readonly string[] }) =>
  calls.some((call) => call.startsWith('Create Job first-init'));

test('while a sibling prepares a job waits for it, and says for whom', (t) => {
  const result = decided(someFacts({ siblings: [working] }));
  t.is(result.phase, 'Initializing');
  t.is(result.is('Initialized'), 'False/WaitsForSibling');
  t.is(
    result.message('Initialized'),
    'job "other" puts the same model and data in place; this one waits for it',
  );
  t.is(result.wakeAt, seconds(5));
  t.deepEqual(result.words, []);
});

test('what a sibling has put in place since the job was made is taken, and the workers look at it', (t) => {
  const result = decided(someFacts({ siblings: [doneAt(now)] }));
  t.is(result.is('Initialized'), 'True/Reused');
  t.is(
    result.message('Initialized'),
    'Llama and 10 records are those that job "other" put in place',
  );
  t.false(createsInit(result));
  t.like(result.status.plan, { preparedBy: run, prepareSha256: prepareDigest(aSpec()) });
  t.truthy(result.status.plan?.memory?.peak ?? result.status.plan?.trainableParameters);
  const made = result.calls.find((call) => call.type === 'Create' && call.kind === 'Job');
  t.regex(JSON.stringify(made), /"ANNEAL_PREPARED_BY","value":"other-00000000"/);
});

test('of before the job was made it is taken only where nothing can have changed since', (t) => {
  const siblings = [doneAt(now - 60_000)];
  t.true(createsInit(decided(someFacts({ siblings }))), 'a branch, and a claim');
  const commit = 'a'.repeat(40);
  const hub = (revision: string) => ({ huggingFace: { repository: 'owner/name', revision } });
  const pinned = { 'model.source': hub(commit), 'dataset.train': hub(commit) };
  t.is(decided(someFacts({ siblings, spec: pinned })).is('Initialized'), 'True/Reused');
  const branch = { ...pinned, 'dataset.train': hub('main') };
  t.true(createsInit(decided(someFacts({ siblings, spec: branch }))));
});

test('a worker that finds nothing of use has the job prepare for itself, without a restart', (t) => {
  const first = decided(someFacts({ siblings: [doneAt(now)] }));
  const failure = { code: 'E_NOT_PREPARED', reason: 'NotPrepared', message: 'gone' };
  const failed = someFacts({
    siblings: [doneAt(now)],
    status: first.status,
    workers: [
      aChildJob({
        outcome: { type: 'Failed', at: now, reason: 'PodFailurePolicy', message: 'm' },
      }),
    ],
    pods: [aPodOf(ended(66, { terminationMessage: { v: 1, failure } as never }))],
  });
  const second = decided(failed);
  t.is(second.is('Failed'), undefined);
  t.is(second.is('Initialized'), 'False/Preparing');
  t.deepEqual(second.words, ['Delete Job first-w1']);
  t.is(second.status.workerRevision, 2);
  t.is(second.status.restarts?.counted, undefined);
  const third = decided(someFacts({ siblings: [doneAt(now)], status: second.status }));
  t.true(createsInit(third), 'it is not taken again');
  t.is(third.is('Initialized'), 'False/Preparing');
});

const uid = (name: string) => `uid-of-${name}`;
const metadata = (name: string, more: object = {}) => ({
  ...{ name, namespace: 'team-a', uid: uid(name), resourceVersion: '1' },
  creationTimestamp: new Date(now).toISOString(),
  ...more,
});
const ownedBy = (name: string) => ({ ownerReferences: [{ uid: uid(name), controller: true }] });

function aJobNamed(name: string, changes: Changes = {}, more: object = {}) {
  const written = changed(aWrittenJob(), changes);
  return fineTuneJobs.read({ ...written, metadata: metadata(name), ...more });
}

/** What job `first` sees of one that is called `other`. */
function seen({
  changes = {},
  status = {},
  init = {},
  pod,
}: {
  readonly changes?: Changes;
  readonly status?: object;
  readonly init?: object;
  readonly pod?: object;
} = {}) {
  const other = aJobNamed('other', changes, { status });
  const first = aJobNamed('first');
  const stores = {
    jobs: new Store<typeof other, 'uid'>({ indexes: { uid: (job) => [job.metadata.uid] } }),
    batchJobs: new Store<ReturnType<typeof batchJobs.read>, 'job' | 'request'>({
      indexes: { job: () => [], request: byRequest },
    }),
    pods: new Store<ReturnType<typeof pods.read>, 'job'>({
      indexes: { job: () => [uid('other')] },
    }),
  };
  stores.jobs.put(other);
  stores.batchJobs.put(
    batchJobs.read({
      metadata: metadata('other-init-1', {
        ...ownedBy('other'),
        labels: { 'anneal.dev/component': 'init' },
        annotations: { 'anneal.dev/prepare-sha256': prepareDigest(aSpec()) },
      }),
      ...{ spec: {}, status: {}, ...init },
    }),
  );
  if (pod !== undefined) {
    const terminated = {
      ...{ exitCode: 0, finishedAt: new Date(now).toISOString() },
      message: JSON.stringify({ v: 1, prepared: words }),
      ...pod,
    };
    stores.pods.put(
      pods.read({
        metadata: metadata('pod', ownedBy('other-init-1')),
        status: {
          phase: 'Succeeded',
          containerStatuses: [{ name: 'prepare', state: { terminated } }],
        },
      }),
    );
  }
  return siblingsOf(stores, first);
}

test('a sibling asks for the same on the same claim, and prepares or has', (t) => {
  t.deepEqual(seen(), [{ name: 'other', run: 'other-uid-of-o', done: undefined }]);
  t.is(seen({ pod: {} })[0]?.done?.at, now);
  const elsewhere = { persistentVolumeClaim: { claimName: 'elsewhere', path: 'out' } };
  t.deepEqual(seen({ changes: { 'spec.output.destination': elsewhere }, pod: {} }), []);
});

test('one that cannot begin or did not succeed is nobody to wait for', (t) => {
  t.deepEqual(seen({ init: { spec: { suspend: true } } }), []);
  const conditions = [{ type: 'Failed', status: 'True' }];
  t.deepEqual(seen({ init: { status: { conditions } } }), []);
  const stalled = [{ type: 'Stalled', status: 'True', reason: 'QuotaExceeded', message: '' }];
  t.deepEqual(seen({ status: { conditions: stalled } }), []);
  t.is(seen({ pod: { exitCode: 66 } })[0]?.done, undefined);
});

test('who is decided on in the same moment waits for the first', (t) => {
  const begun = new BegunPreparations();
  const [first, other] = [aJobNamed('first'), aJobNamed('other')];
  const { calls } = decided(someFacts());
  begun.note(first, calls, now);
  const facts = someFacts({ job: { uid: uid('other') } });
  t.is(begun.seenBy(other, facts).siblings[0]?.name, 'first');
  t.deepEqual(begun.seenBy(first, facts).siblings, [], 'not for itself');
  t.deepEqual(begun.seenBy(other, { ...facts, now: seconds(5) }).siblings, [], 'nor for ever');
});

test('the end of the pod that prepares wakes those that wait for it, and nobody else', (t) => {
  const waits = { type: 'Initialized', status: 'False', reason: 'WaitsForSibling', message: '' };
  const stores = {
    jobs: new Store<ReturnType<typeof aJobNamed>, 'waiting'>({ indexes: { waiting: byWaiting } }),
    pods: new Store<ReturnType<typeof pods.read>, 'job'>({ indexes: { job: () => [] } }),
  };
  stores.jobs.put(aJobNamed('waits', {}, { status: { conditions: [waits] } }));
  stores.jobs.put(aJobNamed('trains'));
  const woken: string[] = [];
  wakeWaiting(stores, (key) => void woken.push(key));
  const pod = (phase: string, resourceVersion: string, component = 'init') =>
    pods.read({
      metadata: metadata('pod', { resourceVersion, labels: { 'anneal.dev/component': component } }),
      status: { phase },
    });
  stores.pods.put(pod('Running', '1'));
  stores.pods.put(pod('Succeeded', '2', 'worker'));
  t.deepEqual(woken, []);
  stores.pods.put(pod('Succeeded', '3'));
  t.deepEqual(woken, ['team-a/waits']);
});
