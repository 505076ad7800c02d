// Jobs whose workers have a GPU each, or several. The nodes pretend to have some, and the image of
// these workers has the emulated device in the place of CUDA.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { eventually } from '../../doubles/eventually.ts';
import { digestsBelow } from '../../e2e/killed-run.ts';
import { installation } from '../../gpu/training/installation.ts';
import { imageName } from '../../setup/images.ts';
import { annealOn, onThisMachine, statusOf, untilComplete } from '../a-real-job.ts';
import { kubectl, listJson } from '../access.ts';
import { loadDeviceImage } from '../installed.ts';
import { test } from '../our-cluster.ts';
import { processIdsOf } from '../pod-processes.ts';
import { aJobOfSeveral, type Wanted } from '../several.ts';
import type { SharedRelease } from '../shared-release.ts';

const gpu = 'nvidia.com/gpu';

/** Small: a device that is emulated is slow. */
const wanted = {
  workers: 2,
  ...{ maxSteps: 10, intervalSteps: 2 },
  method: { preset: 'Full', precision: { type: 'Float32' } },
  sizes: { vocab_size: 320, hidden_size: 32, intermediate_size: 48 },
  dataset: { sequenceLength: 48, heldOut: { samples: 1 } },
  training: { globalBatchSize: 2 },
  failurePolicy: { hangTimeoutSeconds: 120 },
  worker: { devicesPerWorker: 1, deviceMemory: '1Gi' },
} satisfies Wanted;

export function jobsOnDevices(release: SharedRelease): void {
  test(
    'two workers with a GPU each end as two of this machine do, also when a pod is lost',
    release.turn(losesAPod),
  );
  test(
    'two workers with two GPUs each end as four of this machine do, whatever is lost',
    release.turn(losesOfSeveral),
  );
  test('a worker goes to a node whose GPU is large enough', release.turn(choosesItsNode));
  test(
    'a worker takes an instance of a divided GPU on a tainted node, and no other pod goes there',
    release.turn(takesAnInstance),
  );
  test(
    'an image without CUDA ends the job with a sentence, which anneal why repeats',
    release.turn((t, namespace) => withoutCuda(t, namespace, release.namespace)),
  );
}

async function losesAPod(t: ExecutionContext, namespace: string): Promise<void> {
  await loadDeviceImage();
  const job = await aJobOfSeveral(t, namespace, wanted);
  await job.told.untilStep(4);
  const [, second] = await job.pods();
  t.truthy(second);
  await kubectl([
    '-n',
    namespace,
    'delete',
    'pod',
    second?.name ?? '',
    '--grace-period=0',
    '--force',
  ]);
  await untilComplete(t, namespace, 'toy');
  const { restarts, rendezvous } = await statusOf(namespace, 'toy');
  t.is(restarts?.counted ?? 0, 0);
  t.true((rendezvous?.round ?? 0) > 1, 'there was another round');
  for (const { metadata, spec } of await podsIn(namespace)) {
    const ofWorker = metadata.labels['anneal.dev/component'] === 'worker';
    const amounts = spec.containers.map(({ resources }) => resources?.limits?.[gpu]);
    t.deepEqual(amounts, [ofWorker ? '1' : undefined], metadata.name);
  }
  const here = await onThisMachine(t, job.folder, 2, await installedDevices(t, 2));
  t.deepEqual(digestsBelow(join(job.folder, 'out')), here);
}

/** Environment of programs on this machine that find so many devices. */
export async function installedDevices(t: ExecutionContext, count: number) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-devices-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return installation(folder, count);
}

/** A trainer of the second pod, then the first pod. */
async function losesOfSeveral(t: ExecutionContext, namespace: string): Promise<void> {
  await loadDeviceImage();
  const worker = { devicesPerWorker: 2, deviceMemory: '1Gi' };
  const four = { ...wanted, worker, maxSteps: 14, training: { globalBatchSize: 4 } };
  const job = await aJobOfSeveral(t, namespace, four);
  await job.told.untilStep(3);
  const [first, second] = await job.pods();
  t.is((await statusOf(namespace, 'toy')).rendezvous?.worldSize, 4);
  const [, last] = processIdsOf(second?.uid ?? '', 'trainer').toSorted((a, b) => a - b);
  process.kill(last ?? Number.NaN, 'SIGKILL');
  const round = async () => (await statusOf(namespace, 'toy')).rendezvous?.round ?? 0;
  await eventually('there is another round', async () => (await round()) > 1, {
    ...{ withinMs: 120_000, everyMs: 250 },
  });
  await job.told.untilStep(job.told.last.step + 3);
  const removal = ['--grace-period=0', '--force'];
  await kubectl(['-n', namespace, 'delete', 'pod', first?.name ?? '', ...removal]);
  await untilComplete(t, namespace, 'toy');
  const { restarts, rendezvous } = await statusOf(namespace, 'toy');
  t.is(restarts?.counted, 1);
  t.is(rendezvous?.worldSize, 4);
  t.deepEqual(
    (await podsIn(namespace))
      .filter(({ metadata }) => metadata.labels['anneal.dev/component'] === 'worker')
      .map(({ spec }) => spec.containers.map(({ resources }) => resources?.limits?.[gpu])),
    [['2'], ['2']],
  );
  const here = await onThisMachine(t, job.folder, 4, await installedDevices(t, 4));
  t.deepEqual(digestsBelow(join(job.folder, 'out')), here);
}

/** One node tells a size that is enough, one what is no number. */
async function choosesItsNode(t: ExecutionContext, namespace: string): Promise<void> {
  await loadDeviceImage();
  await label('node-1', 'much');
  await label('node-2', '81559');
  t.teardown(() => Promise.all(['node-1', 'node-2'].map((node) => label(node, undefined))));
  const worker = { devicesPerWorker: 1 };
  const alone = { ...wanted, workers: 1, maxSteps: 4, worker } satisfies Wanted;
  await aJobOfSeveral(t, namespace, alone);
  await untilComplete(t, namespace, 'toy');
  const { plan } = await statusOf(namespace, 'toy');
  t.is(plan?.memory?.leastDevice, '81559Mi');
  const workers = (await podsIn(namespace)).filter(
    ({ metadata }) => metadata.labels['anneal.dev/component'] === 'worker',
  );
  t.deepEqual(
    workers.map(({ spec }) => spec.nodeName),
    ['node-2'],
  );
}

async function label(node: string, memory: string | undefined): Promise<void> {
  const change = memory === undefined ? `${gpu}.memory-` : `${gpu}.memory=${memory}`;
  await kubectl(['label', 'node', node, '--overwrite', change]);
}

const instance = 'nvidia.com/mig-1g.10gb';
const tainted = 'gpu-instances';

/** A node of whom only the API server knows: the scheduler gives it pods, and nobody runs them. */
async function takesAnInstance(t: ExecutionContext, namespace: string): Promise<void> {
  const node = {
    ...{ apiVersion: 'v1', kind: 'Node' },
    metadata: {
      name: tainted,
      labels: {
        'kubernetes.io/hostname': tainted,
        ...{ [`${instance}.memory`]: '9856', [`${instance}.product`]: 'H100-MIG-1g.10gb' },
      },
    },
    spec: { taints: [{ key: gpu, value: 'present', effect: 'NoSchedule' }] },
  };
  const room = { cpu: '8', memory: '32Gi', pods: '110', [instance]: '7' };
  // Nobody but the test tells of the node in the place of its kubelet.
  const tell = async () => {
    const at = new Date().toISOString();
    const ready = { type: 'Ready', status: 'True', reason: 'Test', message: '' };
    const conditions = [{ ...ready, lastHeartbeatTime: at, lastTransitionTime: at }];
    const status = JSON.stringify({ status: { capacity: room, allocatable: room, conditions } });
    await kubectl([
      ...['patch', 'node', tainted, '--subresource=status', '--type=merge', '-p', status],
    ]);
  };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(node) });
  t.teardown(async () => {
    const pods = ['-n', namespace, 'delete', 'pods', '--all', '--grace-period=0', '--force'];
    await kubectl(['-n', namespace, 'delete', 'finetunejob', '--all', '--wait=false']);
    await kubectl(pods, { mayFail: true });
    await kubectl(['delete', 'node', tainted]);
  });
  await tell();
  const worker = { devicesPerWorker: 1, deviceResourceName: instance };
  await aJobOfSeveral(t, namespace, { ...wanted, workers: 1, worker });
  const placed = async () => {
    await tell();
    return (await podsIn(namespace)).some(({ spec }) => spec.nodeName === tainted);
  };
  await eventually('the worker has its node', placed, { withinMs: 240_000, everyMs: 2000 });
  const pods = await podsIn(namespace);
  t.deepEqual(
    pods.map(({ metadata, spec }) => [
      metadata.labels['anneal.dev/component'],
      spec.nodeName === tainted,
    ]),
    [
      ['init', false],
      ['worker', true],
    ],
  );
  t.like((await statusOf(namespace, 'toy')).plan?.memory, { limit: '8832Mi' });
}

async function withoutCuda(
  t: ExecutionContext,
  namespace: string,
  releaseNamespace: string,
): Promise<void> {
  const worker = { devicesPerWorker: 1, image: imageName('worker') };
  await aJobOfSeveral(t, namespace, { ...wanted, workers: 1, worker });
  const failed = async () => (await statusOf(namespace, 'toy')).phase === 'Failed';
  await eventually('the job has failed', failed, { withinMs: 240_000, everyMs: 500 });
  const { failure, restarts } = await statusOf(namespace, 'toy');
  t.like(failure, { code: 'E_IMAGE_WITHOUT_CUDA', reason: 'ImageWithoutCUDA', exitCode: 78 });
  t.is(restarts?.counted ?? 0, 0);
  const { stdout } = await annealOn(namespace, releaseNamespace, ['why', 'toy']);
  t.regex(stdout.replaceAll(/\s+/g, ' '), /the image has no CUDA kernels/);
}

async function podsIn(namespace: string): Promise<readonly Pod[]> {
  return (await listJson(namespace, 'pods', 'anneal.dev/job-name=toy')) as Pod[];
}

interface Pod {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly nodeName: string;
    readonly containers: readonly {
      readonly resources?: { readonly limits?: Readonly<Record<string, string>> };
    }[];
  };
}
