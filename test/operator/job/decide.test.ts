import test from 'ava';
import { controllerName } from '../../../crds/names/group.ts';
import { decide } from '../../../operator/job/decide.ts';
import { decided } from '../../builders/decided.ts';
import { smol135 as smolFacts } from '../../builders/facts.ts';
import {
  aBus,
  aChildJob,
  aMember,
  anInitJob,
  aPodOf,
  aPublishJob,
  aState,
  conditionsOf,
  ended,
  now,
  quietSite,
  seconds,
  someFacts,
  training,
  trainingStatus,
} from '../../builders/job-facts.ts';

const claim = { persistentVolumeClaim: { claimName: 'notes' } };

test('a new job is validated, then data is put in place: nothing of a worker yet', (t) => {
  const { phase, words, is, status } = decided(someFacts());
  t.is(phase, 'Initializing');
  t.is(is('Validated'), 'True/Resolved');
  t.is(is('Initialized'), 'False/Preparing');
  t.deepEqual(words, [
    'EnsurePlan',
    'Share anneal.dev.worker',
    'Share anneal.dev.io',
    'Create Job first-init-1',
  ]);
  t.is(status.plan?.method?.summary, 'LoRA r=16 on all linear layers, AdamW, bfloat16');
  t.is(status.observedGeneration, 1);
});

test('what the first Job needs comes before it, in order', (t) => {
  const { words } = decided(
    someFacts({
      spec: { 'storage.data': { volumeClaimTemplate: { size: '1Gi' } }, 'worker.replicas': 2 },
      bus: aBus({ state: undefined }),
      site: {
        ...quietSite,
        settings: { ...quietSite.settings, bus: { url: 'u', port: 1, namespace: undefined } },
      },
    }),
  );
  t.deepEqual(words, [
    'AddFinalizer',
    'EnsurePlan',
    'Create PersistentVolumeClaim first-data',
    'Share anneal.dev.io',
    'Create Service first',
    'Create NetworkPolicy first-workers',
    'Create Job first-init-1',
  ]);
});

test('when data is in place the workers are created, with what stands around them', (t) => {
  const terminationMessage = {
    v: 1,
    prepared: {
      model: { digest: 'sha256:0', family: 'Llama', format: 'GGUF', facts: smolFacts },
      dataset: {
        ...{ digest: 'd', samples: 10, tokens: 100, learnedTokens: 50, skipped: 1 },
        ...{ sequences: 10, longest: 20 },
      },
    },
  } as const;
  const result = decided(
    someFacts({
      inits: [anInitJob({ outcome: { type: 'Complete', at: now, reason: '', message: '' } })],
      pods: [aPodOf({ component: 'init', ...ended(0, { terminationMessage }) })],
    }),
  );
  t.is(result.phase, 'Starting');
  t.is(result.is('Initialized'), 'True/Ready');
  t.deepEqual(result.words, [
    'Share anneal.dev.worker',
    'Share anneal.dev.io',
    'Create Job first-w1',
  ]);
  t.is(result.status.workerRevision, 1);
  t.like(result.status.model, { family: 'Llama', format: 'GGUF' });
  t.like(result.status.dataset, { samples: 10, skipped: 1 });
  t.true((result.status.plan?.trainableParameters ?? 0) > 0);
});

test('a job that trains is left alone', (t) => {
  const facts = training();
  const again = decided({ ...facts, job: { ...facts.job, status: decided(facts).status } });
  t.is(again.phase, 'Running');
  t.deepEqual(again.words, ['Share anneal.dev.worker', 'Share anneal.dev.io']);
  t.deepEqual(again.status, decided(facts).status);
});

const shared = (content: string, name = 'anneal.dev.worker') =>
  ({ kind: 'NetworkPolicy', name, uid: `uid-${name}`, content }) as const;

test('a policy of the namespace that is not as it should be is put right, by its own UID', (t) => {
  const missing = training();
  const contentOf = (facts: Parameters<typeof decided>[0]) =>
    decided(facts).calls.flatMap((call) => (call.type === 'Share' ? [call] : []));
  const [workers, io] = contentOf(missing);
  t.is(workers?.uid, undefined);
  const content = (call: typeof workers) => {
    const annotations = call?.manifest.metadata['annotations'] as
      | Record<string, string>
      | undefined;
    return annotations?.['anneal.dev/content-sha256'] ?? '';
  };
  const right = [shared(content(workers)), shared(content(io), 'anneal.dev.io')];
  t.deepEqual(contentOf({ ...missing, shared: right }), []);
  const changed = [shared('of another version'), shared(content(io), 'anneal.dev.io')];
  t.deepEqual(
    contentOf({ ...missing, shared: changed }).map(({ manifest, uid }) => [
      manifest.metadata.name,
      uid,
    ]),
    [['anneal.dev.worker', 'uid-anneal.dev.worker']],
  );
});

test('policies of a job stay while pods of an earlier version are held by nothing else', (t) => {
  const own = { kind: 'NetworkPolicy', name: 'first-workers', uid: 'np', content: 'c' } as const;
  const removes = (sharesPolicy: boolean, outcome?: typeof ended0) =>
    decided(
      training({
        workers: [aChildJob({ sharesPolicy })],
        inits: [anInitJob({ outcome })],
        children: [own],
      }),
    ).words.includes('Delete NetworkPolicy first-workers');
  t.false(removes(false));
  t.true(removes(true, ended0));
  t.false(
    decided(
      training({ inits: [anInitJob({ sharesPolicy: false })], children: [own] }),
    ).words.includes('Delete NetworkPolicy first-workers'),
  );
});

const ended0 = { type: 'Complete', at: now, reason: '', message: '' } as const;

test('the worker Job that completed leads to publishing, and its end to the end of the job', (t) => {
  const done = { type: 'Complete', at: now, reason: '', message: '' } as const;
  const facts = training({ workers: [aChildJob({ outcome: done })], pods: [aPodOf(ended(0))] });
  const first = decided(facts);
  t.is(first.phase, 'Publishing');
  t.is(first.is('Running'), 'False/Finished');
  t.true(first.words.includes('Create Job first-publish-1'));
  const published = { artifacts: [{ type: 'PEFTAdapter', uri: 'pvc://notes/out', bytes: 12 }] };
  const second = decided({
    ...facts,
    job: { ...facts.job, status: first.status },
    publishes: [aPublishJob({ outcome: done })],
    pods: [
      aPodOf({ component: 'publish', ...ended(0, { terminationMessage: { v: 1, published } }) }),
    ],
  });
  t.is(second.phase, 'Succeeded');
  t.is(second.is('Complete'), 'True/Finished');
  t.is(second.is('Published'), 'True/Uploaded');
  t.deepEqual(second.status.artifacts, [
    { type: 'PEFTAdapter', uri: 'pvc://notes/out', size: '12' },
  ]);
  t.truthy(second.status.completionTime);
});

test('a result on the bus is enough: pods and their Job may still be ending', (t) => {
  const result = { type: 'Succeeded', reason: 'FinishedEarly', step: 10 } as const;
  const facts = training({ bus: aBus({ state: aState({ result }) }) });
  const { phase, is } = decided(facts);
  t.is(phase, 'Publishing');
  t.is(is('Running'), 'False/FinishedEarly');
});

test('a worker that ended well is enough, where the bus has lost the result that it had seen', (t) => {
  const finished = { reason: 'FinishedEarly', step: 10 } as const;
  const begunAnew = aState({ round: 2, world: undefined });
  const facts = (exitCode: number) =>
    training({
      bus: aBus({ state: begunAnew, members: new Map() }),
      pods: [
        aPodOf(ended(exitCode, { terminationMessage: { v: 1, finished } })),
        aPodOf({ name: 'first-w1-1', uid: 'uid-w1-1', index: 1 }),
      ],
    });
  const { phase, is } = decided(facts(0));
  t.is(phase, 'Publishing');
  t.is(is('Running'), 'False/FinishedEarly');
  t.not(decided(facts(75)).phase, 'Publishing');
});

test('a failure that the workers recorded while they were being stopped ends the job', (t) => {
  const result = {
    type: 'Failed',
    code: 'E_NO_PROGRESS',
    reason: 'NoProgress',
    message: 'm',
  } as const;
  const bus = aBus({ state: aState({ result, workerRevision: 1 }) });
  const suspended = decided(training({ bus, spec: { suspend: true } }));
  t.is(suspended.is('Failed'), 'True/NoProgress');
  const resumed = decided(someFacts({ bus, status: trainingStatus({ workerRevision: 2 }) }));
  t.is(resumed.is('Failed'), 'True/NoProgress', 'its next workers would end at once, for ever');
  t.false(resumed.words.some((word) => word.startsWith('Create Job')));
});

test('training that ended well stays so when pods, Job and bus are gone', (t) => {
  const facts = someFacts({
    status: trainingStatus({
      conditions: conditionsOf({ Running: '!Finished', Published: '!Publishing' }),
    }),
    publishes: [aPublishJob()],
  });
  const { phase, words } = decided(facts);
  t.is(phase, 'Publishing');
  t.deepEqual(words, []);
});

test('a published job whose publishing failed is failed, and says where it hurts', (t) => {
  const failure = { code: 'E_HUB_FORBIDDEN', reason: 'HubForbidden', message: 'no write access' };
  const { phase, status, is } = decided(
    training({
      status: { conditions: conditionsOf({ Running: '!Finished' }) },
      publishes: [
        aPublishJob({
          outcome: { type: 'Failed', at: now, reason: 'PodFailurePolicy', message: 'm' },
        }),
      ],
      pods: [
        aPodOf({ component: 'publish', ...ended(77, { terminationMessage: { v: 1, failure } }) }),
      ],
    }),
  );
  t.is(phase, 'Failed');
  t.like(status.failure, {
    code: 'E_HUB_FORBIDDEN',
    reason: 'HubForbidden',
    message: 'no write access',
  });
  t.is(is('Published'), 'False/HubForbidden');
});

test('somebody deleted the worker Job: the next revision is created, as a disruption', (t) => {
  const facts = training({ workers: [], pods: [] });
  const first = decided(facts);
  t.is(first.status.workerRevision, 2);
  t.is(first.status.jobRef, undefined);
  t.is(first.status.restarts?.disruptions, 1);
  t.deepEqual(
    first.words.filter((word) => word.startsWith('Create')),
    [],
  );
  const second = decided({ ...facts, job: { ...facts.job, status: first.status } });
  t.true(second.words.includes('Create Job first-w2'));
  t.is(second.status.restarts?.counted, 0);
});

test('a worker Job of an earlier revision is removed before the next one is created', (t) => {
  const facts = training({
    status: { workerRevision: 2, jobRef: undefined },
    workers: [aChildJob()],
  });
  const { words } = decided(facts);
  t.true(words.includes('Delete Job first-w1'));
  t.false(words.includes('Create Job first-w2'));
  const gone = decided({ ...facts, workers: [aChildJob({ isDeleting: true })] });
  t.true(gone.words.includes('Create Job first-w2'));
});

test('a lost status is found again in the labels of the children', (t) => {
  const { status } = decided(
    someFacts({
      workers: [aChildJob({ number: 7 }, { 'output.destination': s3 })],
      pods: [aPodOf({ number: 7 })],
      spec: { 'output.destination': s3 },
    }),
  );
  t.is(status.workerRevision, 7);
});

const s3 = { s3: { uri: 's3://b/p' } };

test('where pods share nothing there is no init Job: each worker prepares for itself', (t) => {
  const { words, is } = decided(someFacts({ spec: { 'output.destination': s3 } }));
  t.is(is('Initialized'), 'True/NotShared');
  t.true(words.includes('Create Job first-w1'));
});

test('a plan that an updated operator would make otherwise leaves running workers alone', (t) => {
  const facts = training({ workers: [aChildJob({ planDigest: 'made-by-an-older-one' })] });
  const plan = { ...facts.job.status.plan, sha256: 'made-by-an-older-one' };
  const { words, status, phase } = decided({
    ...facts,
    job: { ...facts.job, status: { ...facts.job.status, plan } },
  });
  t.is(phase, 'Running');
  t.is(status.plan?.sha256, 'made-by-an-older-one');
  t.false(words.some((word) => word.startsWith('Delete') || word === 'EnsurePlan'));
});

test('workers of a plan that was changed under them are stopped and replaced', (t) => {
  const facts = training();
  const edited = {
    ...facts.job,
    generation: 2,
    spec: {
      ...facts.job.spec!,
      checkpoint: { ...facts.job.spec!.checkpoint, memory: { mode: 'Local' as const } },
    },
  };
  const first = decided({ ...facts, job: edited });
  t.is(first.is('Suspended'), 'Unknown/Suspending');
  t.is(first.status.workerRevision, 2);
  t.true(first.words.includes('Delete Job first-w1'));
  const second = decided({ ...facts, workers: [], job: { ...edited, status: first.status } });
  t.is(second.is('Suspended'), 'False/Resumed');
  t.true(second.words.includes('Create Job first-w2'));
  const saving = decided({ ...facts, bus: aBus(), job: edited });
  t.is(saving.wakeAt, seconds(600));
  const still = { ...facts, bus: aBus(), job: { ...edited, status: saving.status } };
  t.is(decided({ ...still, now: seconds(500) }).wakeAt, seconds(600), 'it is one stop');
});

test('what the cluster refuses stands in the status until it is granted', (t) => {
  const facts = training();
  const refused = { reason: 'QuotaExceeded', message: 'exceeded quota: q', isFinal: false };
  const first = decided({ ...facts, refused });
  t.is(first.is('Stalled'), 'True/QuotaExceeded');
  const second = decided({ ...facts, job: { ...facts.job, status: first.status } });
  t.is(second.is('Stalled'), 'False/Moving');
});

test('the time of a job is counted while it is active, and not while it is suspended', (t) => {
  const facts = training({
    status: { activeSeconds: 10 },
    spec: { suspend: true },
    workers: [],
    pods: [],
  });
  const { status } = decided({
    ...facts,
    job: { ...facts.job, status: { ...facts.job.status, jobRef: undefined } },
  });
  t.is(status.activeSeconds, 10 + 3600);
  t.is(status.activeSince, undefined);
});

test('the deadline lets workers save, then fails the job; without a bus at once', (t) => {
  const late = { activeDeadlineSeconds: 3600 };
  const alone = decided(training({ spec: late }));
  t.is(alone.is('Failed'), 'True/DeadlineExceeded');
  const bus = aBus();
  const saving = decided(training({ spec: late, bus }));
  t.is(saving.phase, 'Running');
  t.deepEqual(saving.words, ['WriteDesired Save workers=1 save=0']);
  t.is(saving.wakeAt, seconds(600));
  const ack = {
    v: 1,
    podUID: 'u',
    opened: false,
    restored: true,
    saved: 0,
    stoppedStep: 5,
    finished: false,
  } as const;
  const stopped = decided(training({ spec: late, bus: { ...bus, acks: new Map([[0, ack]]) } }));
  t.is(stopped.is('Failed'), 'True/DeadlineExceeded');
  const tooLate = decided({ ...training({ spec: late, bus }), now: seconds(601) });
  t.is(tooLate.is('Failed'), 'True/DeadlineExceeded');
});

test('the time of earlier stretches counts towards the deadline', (t) => {
  const at = (activeSeconds: number) => {
    const status = { activeSeconds, activeSince: '2026-01-01T11:59:00Z' };
    return decided(training({ spec: { activeDeadlineSeconds: 3600 }, status }));
  };
  t.is(at(3539).is('Failed'), undefined);
  t.is(at(3540).is('Failed'), 'True/DeadlineExceeded');
});

test('the deadline waits until every worker of the world has saved', (t) => {
  const spec = { activeDeadlineSeconds: 3600, 'worker.replicas': 2 };
  const ack = { v: 1, opened: false, restored: true, saved: 0, finished: false } as const;
  const state = aState({ world: { key: 'k', digest: 'd', size: 2, committedAt: 't' } });
  const members = new Map([0, 1].map((index) => [index, aMember(index)]));
  const settings = { ...quietSite.settings, bus: { url: 'nats://b', port: 4222, namespace: 'b' } };
  const facts = (...stoppedSteps: readonly (number | undefined)[]) => {
    const acks = stoppedSteps.map((stoppedStep, index) => {
      const record = { ...ack, podUID: `uid-w1-${index}` };
      return [index, { ...record, ...(stoppedStep !== undefined && { stoppedStep }) }] as const;
    });
    return training({
      ...{ spec, site: { ...quietSite, settings } },
      bus: aBus({ state, members, acks: new Map(acks) }),
      pods: [0, 1].map((index) => aPodOf({ index })),
      workers: [aChildJob({ parallelism: 2 }, spec)],
    });
  };
  for (const waits of [facts(5), facts(5, undefined)]) {
    t.is(decided(waits).is('Failed'), undefined);
    t.deepEqual(decided(waits).words, ['WriteDesired Save workers=2 save=0']);
  }
  const { is, status } = decided(facts(5, 5));
  t.is(is('Failed'), 'True/DeadlineExceeded');
  t.is(status.failure?.step, undefined, 'nothing was ever saved');
  const time = '2026-01-01T11:00:00Z';
  const checkpoint = { step: 4, round: 1, manifest: 'm', digest: 'd', time };
  const saved = { ...facts(5, 5), bus: aBus({ state: { ...state, checkpoint } }) };
  t.is(decided({ ...saved, now: seconds(601) }).status.failure?.step, 4);
});

test('after the end nothing is created, whatever is missing', (t) => {
  for (const conditions of [
    conditionsOf({ Complete: 'Finished' }),
    conditionsOf({ Failed: 'NoProgress' }),
  ]) {
    const { calls, status } = decide(someFacts({ status: trainingStatus({ conditions }) }));
    t.deepEqual(calls, []);
    t.deepEqual(
      status.conditions?.map(({ type }) => type).sort(),
      [...new Set(status.conditions?.map(({ type }) => type))].sort(),
    );
  }
});

test('what still runs at the end is stopped, and the job goes when its time is over', (t) => {
  const conditions = conditionsOf({ Failed: 'NoProgress' });
  const status = trainingStatus({ conditions, completionTime: '2026-01-01T11:59:00Z' });
  const facts = someFacts({
    status,
    workers: [aChildJob()],
    spec: { ttlSecondsAfterFinished: 120 },
  });
  const first = decided(facts);
  t.deepEqual(first.words, ['Resize first-w1 to 0']);
  t.is(first.wakeAt, seconds(60));
  const stopping = { ...facts, workers: [aChildJob({ parallelism: 0, active: 2 })] };
  t.deepEqual(decided(stopping).words, [], 'its pods are told once');
  const stopped = { ...facts, workers: [aChildJob({ parallelism: 0, active: 0 })] };
  t.deepEqual(decided(stopped).words, []);
  t.deepEqual(decided({ ...stopped, now: seconds(60) }).words, ['DeleteSelf']);
  const mayNot = { ...stopped, site: { ...quietSite, mayDeleteJobs: false } };
  t.deepEqual(decided({ ...mayNot, now: seconds(60) }).words, []);
  const all = someFacts({ status, workers: [aChildJob()], spec: { podCleanupPolicy: 'All' } });
  t.deepEqual(decided(all).words, ['Delete Job first-w1']);
  const none = someFacts({ status, workers: [aChildJob()], spec: { podCleanupPolicy: 'None' } });
  t.deepEqual(decided(none).words, []);
  const queued = someFacts({
    status,
    workers: [aChildJob()],
    spec: { 'scheduling.queueName': 'q' },
  });
  t.deepEqual(decided(queued).words, ['Delete Job first-w1'], 'a queue would start the pods again');
});

test('a job of another controller is not ours to decide on', (t) => {
  t.is(someFacts().job.spec?.managedBy, controllerName);
});

test('a checkpoint that could be resumed is told once, and a job without a place for one is warned', (t) => {
  const head = { step: 4, round: 1, manifest: 'm', digest: 'd', time: '2026-01-01T11:00:00Z' };
  const saved = decided(training({ bus: aBus({ state: aState({ checkpoint: head }) }) }));
  t.is(saved.is('CheckpointReady'), 'True/Committed');
  const none = decided(training({ spec: { 'output.destination': s3 } }));
  t.is(none.is('CheckpointReady'), 'False/NoDestination');
  const early = decided(training({ spec: { 'checkpoint.destination': claim } }));
  t.is(early.is('CheckpointReady'), 'False/NeverSaved');
});

test('a save for which there is no room is told until a later one counts', (t) => {
  const head = { step: 4, round: 1, manifest: 'm', digest: 'd', time: '2026-01-01T11:00:00Z' };
  const at = (step: number) => {
    const unsaved = { step, message: `the checkpoint of step ${step} was not written` };
    const state = aState({ checkpoint: head });
    return decided(training({ bus: aBus({ state, unsaved }) }));
  };
  t.is(at(6).is('Degraded'), 'True/StorageFull');
  t.is(at(6).is('CheckpointReady'), 'True/Committed', 'there is one to go on from all the same');
  t.is(at(4).is('Degraded'), undefined);
});

test('a worker that makes the others wait is told for ten minutes after it was heard of', (t) => {
  const message = 'worker 1 on node node-1 takes 2.3 times as long as the others';
  const heard = (secondsAgo: number) => {
    const straggling = { message, heardAt: now - secondsAgo * 1000 };
    return decided(training({ bus: aBus({ straggling }) }));
  };
  t.is(heard(599).is('Degraded'), 'True/Straggler');
  t.is(heard(600).is('Degraded'), undefined);
});
