import test from 'ava';
import type { DeviceKind } from '../../../crds/devices/node-devices.ts';
import { parametersOf } from '../../../crds/plan/parameters.ts';
import { prepareDigest } from '../../../crds/plan/prepare-digest.ts';
import { parseQuantity } from '../../../crds/schema/quantity.ts';
import { decided } from '../../builders/decided.ts';
import { smol135 } from '../../builders/facts.ts';
import { aSpec, preparingAlone } from '../../builders/job.ts';
import {
  aChildJob,
  anInitJob,
  aPodOf,
  ended,
  now,
  quietSite,
  seconds,
  someFacts,
  trainingStatus,
} from '../../builders/job-facts.ts';

const waitingPod = (reason: string, message: string, age = 60) =>
  aPodOf({
    ...{
      component: 'init' as const,
      name: 'first-init-1-x',
      ready: false,
      phase: 'Pending' as const,
    },
    scheduledAt: seconds(-age),
    waiting: { reason, message },
  });

const failedInit = (exitCode: number, words?: object) =>
  someFacts({
    inits: [
      anInitJob({ outcome: { type: 'Failed', at: now, reason: 'PodFailurePolicy', message: 'm' } }),
    ],
    pods: [
      aPodOf({ component: 'init', ...ended(exitCode, { terminationMessage: words as never }) }),
    ],
  });

test('while prepare works there is nothing to do', (t) => {
  const { phase, words } = decided(
    someFacts({ inits: [anInitJob()], pods: [aPodOf({ component: 'init' })] }),
  );
  t.is(phase, 'Initializing');
  t.deepEqual(words, []);
});

test('the words of the pod are enough: the Job says a second later that it is complete', (t) => {
  const of = (words: object | undefined) =>
    decided(
      someFacts({
        inits: [anInitJob()],
        workers: [],
        pods: [aPodOf({ component: 'init', ...ended(0, { terminationMessage: words as never }) })],
        status: {},
      }),
    );
  t.false(
    of(undefined).words.includes('Create Job first-w1'),
    'an end without words is not enough',
  );
  const told = of(preparedWords);
  t.is(told.is('Initialized'), 'True/Ready');
  t.true(told.words.includes('Create Job first-w1'));
});

test('a pod that starts as every pod does is not worth a write, one that cannot start is', (t) => {
  const of = (pod: ReturnType<typeof waitingPod>) =>
    decided(someFacts({ inits: [anInitJob()], pods: [pod] })).is('Initialized');
  t.is(of(waitingPod('ContainerCreating', '')), 'False/Preparing');
  t.is(of(waitingPod('CreateContainerError', 'no such file')), 'False/Pending');
});

test('an init Job that somebody deleted is made again under another name', (t) => {
  const { words } = decided(someFacts({ inits: [anInitJob({ isDeleting: true })] }));
  t.true(words.includes('Create Job first-init-2'));
});

test('other data than was prepared is prepared, and the old work is stopped', (t) => {
  const old = anInitJob({ prepareDigest: 'other' });
  const { words } = decided(
    someFacts({ inits: [old], status: trainingStatus({ plan: { prepareSha256: 'other' } }) }),
  );
  t.deepEqual(
    words.filter((word) => word.includes('init')),
    ['Delete Job first-init-1', 'Create Job first-init-2'],
  );
});

test('the termination message says why the job failed; without them the exit code does', (t) => {
  const failure = {
    code: 'E_HUB_UNAUTHORIZED',
    reason: 'HubUnauthorized',
    message: 'Secret hub, key token',
  };
  const said = decided(failedInit(77, { v: 1, failure }));
  t.is(said.is('Failed'), 'True/HubUnauthorized');
  t.is(said.status.failure?.message, 'Secret hub, key token');
  const silent = decided(failedInit(65));
  t.is(silent.is('Failed'), 'True/InvalidData');
  t.regex(silent.status.failure?.message ?? '', /exit code 65/);
});

test('the Job may be seen finished a moment before its pod', (t) => {
  const complete = { type: 'Complete', at: now, reason: '', message: '' } as const;
  const facts = someFacts({ inits: [anInitJob({ outcome: complete })] });
  const early = decided(facts);
  t.is(early.phase, 'Initializing');
  t.is(early.wakeAt, seconds(30));
  t.is(decided({ ...facts, now: seconds(30) }).is('Initialized'), 'True/Ready');
});

test('an image that cannot be pulled is waited for ten minutes, or not at all', (t) => {
  const inits = [anInitJob()];
  const slow = decided(
    someFacts({ inits, pods: [waitingPod('ImagePullBackOff', 'Back-off pulling image')] }),
  );
  t.is(slow.is('Initialized'), 'False/ImagePullFailed');
  t.is(slow.is('Stalled'), 'True/ImagePullFailed');
  t.is(slow.wakeAt, seconds(540));
  const late = someFacts({ inits, pods: [waitingPod('ImagePullBackOff', 'Back-off', 600)] });
  t.is(decided(late).is('Failed'), 'True/ImagePullFailed');
  const hopeless = someFacts({ inits, pods: [waitingPod('ErrImagePull', 'manifest unknown')] });
  t.is(decided(hopeless).is('Failed'), 'True/ImagePullFailed');
});

test('an image that is not on the node yet, and may not be pulled, is waited for', (t) => {
  const pod = waitingPod(
    'ErrImageNeverPull',
    'Container image "w" is not present with pull policy of Never',
  );
  const { phase, is } = decided(someFacts({ inits: [anInitJob()], pods: [pod] }));
  t.is(phase, 'Initializing');
  t.is(is('Initialized'), 'False/ImagePullFailed');
});

test('a missing Secret stalls the job until its scheduling time is over, and no plan is made for it', (t) => {
  const pod = waitingPod('CreateContainerConfigError', 'secret "hub" not found');
  const result = decided(someFacts({ inits: [anInitJob()], pods: [pod] }));
  t.is(result.is('Stalled'), 'True/ReferenceNotFound');
  t.deepEqual(result.words, []);
  t.is(result.wakeAt, seconds(540));
  const late = waitingPod('CreateContainerConfigError', 'secret "hub" not found', 600);
  t.is(
    decided(someFacts({ inits: [anInitJob()], pods: [late] })).is('Failed'),
    'True/ReferenceNotFound',
  );
});

test('pods that a policy refuses are told after half a minute, and end the job after ten', (t) => {
  const started = (age: number) =>
    someFacts({ inits: [anInitJob({ active: 0, ready: 0, startedAt: seconds(-age) })] });
  t.is(decided(started(29)).is('Stalled'), undefined);
  t.is(decided(started(31)).is('Stalled'), 'True/AdmissionDenied');
  t.is(decided(started(600)).is('Failed'), 'True/AdmissionDenied');
});

test('a pod that was lost is not a pod that was refused: the Job controller has its time to replace it', (t) => {
  const lost = (age: number, failed: number) =>
    someFacts({ inits: [anInitJob({ active: 0, ready: 0, failed, startedAt: seconds(-age) })] });
  t.is(decided(lost(39, 1)).is('Stalled'), undefined);
  t.is(decided(lost(41, 1)).is('Stalled'), 'True/AdmissionDenied');
  t.is(decided(lost(100, 4)).is('Stalled'), undefined);
  t.is(decided(lost(389, 9)).is('Stalled'), undefined);
  t.is(decided(lost(391, 9)).is('Stalled'), 'True/AdmissionDenied');
});

const preparedWords = {
  v: 1,
  prepared: {
    model: { digest: 'sha256:0', family: 'Llama', format: 'Safetensors', facts: smol135 },
    dataset: {
      ...{ digest: 'd', samples: 10, tokens: 100, targetTokens: 50, skipped: 0 },
      ...{ sequences: 10, longest: 20 },
    },
  },
} as const;

const prepared = (
  spec: object,
  memoryBytes?: number,
  words: object = preparedWords,
  devices?: readonly DeviceKind[],
) =>
  someFacts({
    spec: spec as never,
    inits: [
      anInitJob({
        outcome: { type: 'Complete', at: now, reason: '', message: '' },
        prepareDigest: prepareDigest(aSpec(spec as never)),
      }),
    ],
    pods: [aPodOf({ component: 'init', ...ended(0, { terminationMessage: words as never }) })],
    site: {
      ...quietSite,
      settings: {
        ...quietSite.settings,
        devices: { ...quietSite.settings.devices, memoryBytes },
        bus: { url: 'u', port: 1, namespace: undefined },
      },
    },
    devices,
  });

test('what does not fit on the devices of the site fails before one is taken', (t) => {
  const devices = { 'worker.devicesPerWorker': 1 };
  const small = decided(prepared(devices, 100e6));
  t.is(small.is('Failed'), 'True/DoesNotFit');
  t.regex(small.status.failure?.message ?? '', /GiB on a device of 0\.1 GiB$/);
  const large = decided(prepared(devices, 80e9));
  t.is(large.is('Initialized'), 'True/Ready');
  t.truthy(large.status.plan?.memory?.peak);
  const unknown = decided(prepared(devices));
  t.is(unknown.status.plan?.memory?.peak, undefined);
  t.truthy(unknown.status.plan?.memory?.most, 'of the host beside it something is known');
  const own = { ...devices, 'worker.deviceMemory': '100M' };
  t.is(decided(prepared(own, 80e9)).is('Failed'), 'True/DoesNotFit', 'the job knows best');
});

const gib = 2 ** 30;
const kind = (product: string, gibibytes: number | undefined, nodes = 1): DeviceKind => ({
  ...{ product, bytes: gibibytes === undefined ? undefined : gibibytes * gib },
  ...{ nodes, devices: 8 * nodes },
});

test('of devices of several sizes the smallest that fits is planned for, and the rest is kept free', (t) => {
  const spec = { 'worker.devicesPerWorker': 1 };
  const kinds = [kind('H100', 80), kind('L4', 24, 3), kind('Tiny', 1.1)];
  const { is, status } = decided(prepared(spec, undefined, preparedWords, kinds));
  t.is(is('Initialized'), 'True/Ready');
  t.is(status.plan?.memory?.limit, '23Gi');
  t.is(status.plan?.memory?.leastDevice, '24Gi');
  const all = decided(prepared(spec, undefined, preparedWords, kinds.slice(0, 2)));
  t.is(all.status.plan?.memory?.leastDevice, undefined, 'all nodes do');
  const none = decided(prepared(spec, 80e9, preparedWords, [kind('Tiny', 1.1), kind('Wee', 0.5)]));
  t.regex(
    none.status.failure?.message ?? '',
    /^a step needs \d\.\d GiB on a device; the cluster has Tiny on 1 node \(0\.1 GiB usable\), Wee on 1 node \(0\.0 GiB usable\)$/,
  );
});

test('a node that does not tell the memory of its devices is not known to be too small', (t) => {
  const spec = { 'worker.devicesPerWorker': 1 };
  const mute = decided(
    prepared(spec, undefined, preparedWords, [kind('Tiny', 1.1), kind('X', undefined)]),
  );
  t.is(mute.is('Initialized'), 'True/Ready');
  t.is(mute.status.plan?.memory?.leastDevice, undefined);
  const site = decided(prepared(spec, 100e6, preparedWords, [kind('X', undefined)]));
  t.is(site.is('Failed'), 'True/DoesNotFit', 'where no node tells, the site does');
});

test('a job that is given other devices while it is suspended is planned again', (t) => {
  const device = { 'worker.devicesPerWorker': 1, 'method.preset': 'Full' };
  const first = decided(prepared(device, 80e9));
  t.is(first.status.plan?.memory?.devices, 'nvidia.com/gpu');
  const again = (spec: object) =>
    decided({ ...prepared(spec, 80e9), job: jobOf(spec, first.status) });
  const processor = again({ ...device, 'worker.devicesPerWorker': 0 });
  t.is(processor.is('Initialized'), 'True/Ready');
  t.is(processor.status.plan?.memory?.devices, undefined);
  t.true(
    parseQuantity(processor.status.plan?.memory?.most ?? '0') >
      parseQuantity(first.status.plan?.memory?.most ?? '0'),
    'the model is in its pods now',
  );
  const mig = again({ ...device, 'worker.deviceResourceName': 'nvidia.com/mig-1g.10gb' });
  t.is(mig.status.plan?.memory?.devices, 'nvidia.com/mig-1g.10gb');
});

const jobOf = (spec: object, status: object) =>
  ({ ...someFacts({ spec: spec as never }).job, status }) as never;

test('the pods of workers on devices get the memory of the host, not that of the model', (t) => {
  const amount = (spec: object, name: 'least' | 'most' | 'publish') =>
    parseQuantity(decided(prepared(spec, 80e9)).status.plan?.memory?.[name] ?? '0');
  const device = { 'worker.devicesPerWorker': 1, 'method.preset': 'Full' };
  const processor = { ...device, 'worker.devicesPerWorker': 0 };
  t.true(amount(device, 'most') < amount(processor, 'least'));
  t.is(amount(device, 'publish'), amount(processor, 'publish'), 'it is done by a processor');
});

const peakOf = (facts: Parameters<typeof decided>[0]) => {
  const { status } = decided(facts);
  return parseQuantity(status.plan?.memory?.peak ?? '0');
};

test('the plan of a job on processors is told, with the limit of its pods where they have one', (t) => {
  const onProcessor = { 'worker.devicesPerWorker': 0 };
  const free = decided(prepared(onProcessor));
  t.true(peakOf(prepared(onProcessor)) > smallest);
  t.is(free.status.plan?.memory?.limit, undefined);
  const resources = { limits: { memory: '4Gi' } };
  const limited = decided(prepared({ ...onProcessor, 'worker.resources': resources }));
  t.is(limited.status.plan?.memory?.limit, '4Gi');
  // What the site says of its devices is nothing to a processor.
  t.deepEqual(decided(prepared(onProcessor, 100e6)).status.plan?.memory, free.status.plan?.memory);
});

test('a plan that is more than a processor is given is told and tried', (t) => {
  const resources = { limits: { memory: '300Mi' } };
  const { is, status } = decided(
    prepared({ 'worker.devicesPerWorker': 0, 'worker.resources': resources }),
  );
  t.is(is('Initialized'), 'True/Ready');
  t.true(parseQuantity(status.plan?.memory?.peak ?? '0') > 300 * 2 ** 20);
});

test('frozen values that the files hold in bfloat16 are planned with two bytes each', (t) => {
  const { prepared: words } = preparedWords;
  const stored = 100e6;
  const half = { v: 1, prepared: { ...words, model: { ...words.model, storedBfloat16: stored } } };
  const spec = { 'worker.devicesPerWorker': 0, 'method.precision': { type: 'Float32' } };
  const weights = (words: object) =>
    parseQuantity(decided(prepared(spec, undefined, words)).status.plan?.memory?.weights ?? '0');
  const saved = weights(preparedWords) - weights(half);
  t.true(Math.abs(saved - 2 * stored) < 2 ** 20, `${saved} bytes`);
});

/** Values of the model alone, in bfloat16. */
const smallest = 2 * parametersOf(smol135).total;

test('a module that the model does not have fails with its sentence', (t) => {
  const adapter = { type: 'LoRA', lora: { rank: 4, alpha: '8', targetModules: ['no_proj'] } };
  const { is } = decided(prepared({ 'method.adapter': adapter }));
  t.regex(is('Failed') ?? '', /^True\//);
});

const prepares = (changes: Parameters<typeof someFacts>[0] = {}) =>
  decided(someFacts({ spec: preparingAlone, ...changes }));

const working = { type: 'Working', prepared: undefined } as const;
const done = { type: 'Done', prepared: preparedWords.prepared as never } as const;

test('an only worker that needs nothing fetched prepares for itself: no pod of its own for it', (t) => {
  const { phase, words, is, message } = prepares();
  t.is(phase, 'Initializing');
  t.is(is('Initialized'), 'False/InWorker');
  t.is(message('Initialized'), 'the worker puts model and data in place before it trains');
  t.true(words.includes('Create Job first-w1'));
  t.false(words.some((word) => word.includes('init')));
});

test('what the worker has put in place is known while its pod runs', (t) => {
  const workers = [aChildJob({}, preparingAlone)];
  const during = prepares({
    workers,
    pods: [aPodOf({ preparation: working, phase: 'Pending', ready: false })],
  });
  t.is(during.is('Initialized'), 'False/InWorker');
  t.is(during.phase, 'Initializing');
  const pods = [aPodOf({ preparation: done, ready: false })];
  const after = prepares({ workers, pods });
  t.is(after.is('Initialized'), 'True/Ready');
  t.is(after.status.model?.family, 'Llama');
  t.truthy(after.status.plan?.memory?.peak);
  t.is(after.status.plan?.prepareSha256, prepareDigest(aSpec(preparingAlone)));
  const again = prepares({ workers, status: after.status });
  t.is(again.is('Initialized'), 'True/Ready', 'also when the pod that told it is gone');
});

test('a worker that finds no node says so where people look while a job prepares', (t) => {
  const unschedulable = '0/2 nodes are available';
  const pod = aPodOf({ unschedulable, node: undefined, phase: 'Pending', ready: false });
  const { phase, is, message } = prepares({
    workers: [aChildJob({}, preparingAlone)],
    pods: [pod],
  });
  t.is(phase, 'Initializing');
  t.is(is('Initialized'), 'False/Unschedulable');
  t.is(message('Initialized'), unschedulable);
});

test('without its words it is known that it ended well, and nothing else', (t) => {
  const mute = { type: 'Done', prepared: undefined } as const;
  const workers = [aChildJob({}, preparingAlone)];
  const { is, status } = prepares({ workers, pods: [aPodOf({ preparation: mute })] });
  t.is(is('Initialized'), 'True/Ready');
  t.is(status.model, undefined);
});

test('words of workers of another plan are about other data', (t) => {
  const { is } = prepares({
    workers: [aChildJob({ planDigest: 'other' }, preparingAlone)],
    pods: [aPodOf({ preparation: done })],
  });
  t.is(is('Initialized'), 'False/InWorker');
});

test('a job whose init Job was made by an earlier version goes on with it', (t) => {
  const own = anInitJob({ prepareDigest: prepareDigest(aSpec(preparingAlone)) });
  const { words, is } = prepares({ inits: [own] });
  t.is(is('Initialized'), 'False/Preparing');
  t.deepEqual(
    words.filter((word) => word.includes('Job')),
    [],
  );
});

test('a worker that prepares for long is not looked at as one that does not start', (t) => {
  const pod = aPodOf({
    ...{ preparation: working, phase: 'Pending', ready: false },
    ...{ scheduledAt: seconds(-600), waiting: { reason: 'PodInitializing', message: '' } },
  });
  const { words, is } = prepares({ workers: [aChildJob({}, preparingAlone)], pods: [pod] });
  t.false(words.includes('EnsurePlan'));
  t.not(is('Stalled')?.slice(0, 4), 'True');
});

test('a container that prepares and ends badly ends the worker with its words', (t) => {
  const failure = { code: 'E_INVALID_DATA', reason: 'InvalidData', message: 'line 3 is no record' };
  const { status, is } = prepares({
    workers: [aChildJob({ failed: 1 }, preparingAlone)],
    pods: [aPodOf(ended(65, { terminationMessage: { v: 1, failure } as never }))],
  });
  t.is(is('Failed'), 'True/InvalidData');
  t.is(status.failure?.message, 'line 3 is no record');
});

test('pods have the memory that the fewest workers of the job need', (t) => {
  const most = (spec: object, before?: ReturnType<typeof decided>) => {
    const facts = prepared({ 'method.preset': 'Full', ...spec });
    const done = decided(
      before === undefined ? facts : { ...facts, job: jobOf(spec, before.status) },
    );
    t.is(done.is('Initialized'), 'True/Ready');
    return parseQuantity(done.status.plan?.memory?.most ?? '0');
  };
  const four = { 'worker.replicas': 4 };
  const elastic = { ...four, 'worker.elasticity': 'Live', 'worker.maxReplicas': 4 };
  t.is(most({ ...elastic, 'worker.minReplicas': 2 }), most({ 'worker.replicas': 2 }));
  t.true(most({ ...elastic, 'worker.minReplicas': 1 }) > most(four));
  const tooSmall = decided(
    prepared({ ...elastic, 'worker.minReplicas': 2, 'worker.devicesPerWorker': 1 }, 100e6),
  );
  t.regex(tooSmall.status.failure?.message ?? '', /^a step of minReplicas, 2, needs /);
  const first = decided(prepared({ 'method.preset': 'Full', ...four }));
  t.is(first.status.plan?.memory?.workers, 4);
  const fewer = { 'method.preset': 'Full', 'worker.replicas': 2 };
  t.is(most(fewer, first), most(fewer), 'also where replicas change while it is suspended');
});

test('a pod has the memory of all that train in it, and is planned again for more of them', (t) => {
  const memoryOf = (devices: number, replicas: number, before?: ReturnType<typeof decided>) => {
    const spec = {
      ...{ 'method.preset': 'Full', 'worker.devicesPerWorker': devices },
      'worker.replicas': replicas,
    };
    const facts = prepared(spec, 80e9);
    const done = decided(
      before === undefined ? facts : { ...facts, job: jobOf(spec, before.status) },
    );
    t.is(done.is('Initialized'), 'True/Ready');
    return { done, memory: done.status.plan?.memory };
  };
  const bytes = (quantity: string | number = 0) => parseQuantity(quantity);
  const { done: one, memory: apart } = memoryOf(1, 4);
  const { memory: together } = memoryOf(4, 1);
  t.like(apart, { workers: 4, trainers: 1 });
  t.like(together, { workers: 1, trainers: 4 });
  t.is(together?.peak, apart?.peak, 'a device holds a fourth of the model either way');
  t.is(together?.publish, apart?.publish);
  t.true(Math.abs(bytes(together?.most) - 4 * bytes(apart?.most)) < 4);
  t.like(memoryOf(2, 4, one).memory, { workers: 4, trainers: 2 });
});
