// Jobs of one base in the pod of a TrainingPool: each ends with the bits that `anneal run` of its
// file makes on this machine, though the pod is deleted on the way, and neighbours that look like
// parts of the pool are neither asked nor changed.
import { existsSync, readFileSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import type { PoolStatus } from '../../crds/api/training-pool.ts';
import { runName, sharedFolder } from '../../crds/wire/pod.ts';
import { runFiles } from '../../crds/wire/run-folder.ts';
import { changed } from '../builders/job.ts';
import { eventually } from '../doubles/eventually.ts';
import { digestsBelow } from '../e2e/killed-run.ts';
import { imageName } from '../setup/images.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { annealOn, onThisMachine, statusOf, untilComplete } from './a-real-job.ts';
import { getJson, kubectl, listJson, type Plural } from './access.ts';
import { closedAfter } from './closed-after.ts';
import { test } from './our-cluster.ts';
import { aSharedFolder } from './shared-folder.ts';
import { SharedRelease } from './shared-release.ts';

const file = closedAfter(test);
const release = new SharedRelease();

test.before(async (t) => {
  t.timeout(900_000);
  await release.install(file, { features: { trainingPools: true } });
});

test(
  'jobs of a pool end with the bits of training alone, also when its pod is deleted',
  release.turn(trainTogether),
);

const soon = { withinMs: 240_000, everyMs: 250 };
const ofPool = 'anneal.dev/pool-name=smol';
const list = 'smol-pool-jobs';
const names = ['first', 'second'] as const;
const wanted = { first: { rank: 4, maxSteps: 800 }, second: { rank: 2, maxSteps: 700 } };

interface Named {
  readonly metadata: { readonly name: string; readonly uid: string };
}

interface Pod extends Named {
  readonly status: { readonly podIP?: string };
}

async function trainTogether(t: ExecutionContext, namespace: string): Promise<void> {
  const folder = await aSharedFolder(namespace, 'toy');
  for (const name of names) await writeJob(folder, name);
  const here = names.map((name) => onThisMachine(t, folder, 1, {}, { file: `${name}.yaml` }));

  // What somebody else has under the name of its list stays as it is, and the jobs wait.
  await kubectl(['-n', namespace, 'create', 'configmap', list, '--from-literal=a=b']);
  await apply(namespace, aPool);
  const files = names.flatMap((name) => ['-f', join(folder, `${name}.yaml`)]);
  await kubectl(['-n', namespace, 'apply', ...files]);
  await until(namespace, 'the name is somebody else’s', ({ conditions = [] }) =>
    conditions.some(
      ({ type, reason, message }) =>
        type === 'Accepted' &&
        reason === 'NameConflict' &&
        message.startsWith(`ConfigMap ${list} belongs to someone else`),
    ),
  );
  t.deepEqual((await getJson(namespace, 'configmaps', list))['data'], { a: 'b' });
  // Both are prepared before the list is written: the pod would have trained the first before
  // kubelet brings it a list with the second.
  await kubectl([
    ...['-n', namespace, 'wait', '--for=condition=Initialized', '--timeout=240s'],
    ...names.map((name) => `finetunejobs/${name}`),
  ]);
  await kubectl(['-n', namespace, 'delete', 'configmap', list]);

  // One has the labels of the pool's pod; asked, it would say that all jobs failed.
  const pool = (await getJson(namespace, 'trainingpools', 'smol')) as unknown as Named;
  const jobs = await Promise.all(names.map((name) => jobOf(namespace, name)));
  await apply(namespace, aNeighbour('liar', jobs, labelsOf(pool)));
  await apply(namespace, aNeighbour('stranger', jobs, {}));
  const together = await until(
    namespace,
    'both train',
    ({ jobs: told = [] }) => told.length === 2 && told.every(({ state }) => state === 'Training'),
  );
  t.is(together.summary, '2/2');
  const listed = annealOn(namespace, release.namespace, ['list']);
  const followed = annealOn(namespace, release.namespace, [
    ...['watch', 'smol', '--until', 'running', '--display', 'plain'],
  ]);
  await eventually(
    'both are on their way',
    () => jobs.every((job) => stepsOf(folder, job).length > 20),
    soon,
  );
  const { stdout: table } = await listed;
  t.log(table);
  t.regex(table, /\nsmol +● Running +2\/2 +8 +model /);
  t.regex((await followed).stdout, /smol Running · 2\/2 training · 8 places$/);
  const [before] = await podsOf(namespace);
  const [liar = '', stranger = ''] = await addressesOf(namespace, ['liar', 'stranger']);
  t.deepEqual(
    await Promise.all([
      reaches(namespace, 'stranger', [before?.status.podIP ?? '', liar, stranger]),
      reaches(namespace, 'liar', [stranger]),
    ]),
    [[false, false, true], [false]],
    'by the labels of its pod a pool is reached by the operator alone, and reaches nobody',
  );
  await kubectl(['-n', namespace, 'delete', 'pod', before?.metadata.name ?? '']);
  await Promise.all([...here, ...names.map((name) => untilComplete(t, namespace, name))]);
  t.deepEqual(digestsBelow(join(folder, 'out')), Object.assign({}, ...(await Promise.all(here))));
  for (const job of jobs) {
    const [first, next, ...more] = plansOf(folder, job);
    t.deepEqual([first?.firstStep, more], [0, []], job.metadata.name);
    t.log(`${job.metadata.name} went on at ${next?.firstStep}`);
    t.true((next?.firstStep ?? 0) > 20);
    const { restarts } = await statusOf(namespace, job.metadata.name);
    t.is(restarts?.counted ?? 0, 0);
  }
  const { stdout } = await kubectl(['-n', namespace, 'logs', 'liar']);
  t.is(stdout, 'it listens', 'nobody asked it');

  const neighbours = ['liar', 'stranger', '--grace-period=0', '--force'];
  await kubectl(['-n', namespace, 'delete', 'pod', ...neighbours]);
  await kubectl(['-n', namespace, 'delete', 'trainingpool', 'smol', '--wait']);
  const kinds: readonly Plural[] = ['jobs', 'pods', 'networkpolicies', 'configmaps'];
  const left = async () =>
    (await Promise.all(kinds.map((kind) => listJson(namespace, kind, ofPool)))).flat();
  await eventually('nothing of the pool is left', async () => (await left()).length === 0, soon);
}

async function writeJob(folder: string, name: (typeof names)[number]): Promise<void> {
  const { rank, maxSteps } = wanted[name];
  const { file: written, destination } = await writeToyJob(folder, {
    ...{ name, claim: 'toy', worker: { devicesPerWorker: 0 }, checkpoint: { intervalSteps: 10 } },
    ...{ method: { preset: 'LoRA', adapter: { type: 'LoRA', lora: { rank } } } },
    training: { maxSteps },
  });
  await chmod(destination, 0o777);
  const job = changed(parse(await readFile(written, 'utf8')), {
    'spec.packing': { pool: 'smol' },
    'spec.storage': { data: { persistentVolumeClaim: { claimName: 'toy' } } },
    'spec.output.destination.persistentVolumeClaim.path': `out/${name}`,
  });
  await writeFile(join(folder, `${name}.yaml`), stringify(job));
}

const aPool = {
  ...{ apiVersion: 'anneal.dev/v1alpha1', kind: 'TrainingPool', metadata: { name: 'smol' } },
  spec: {
    model: { source: { persistentVolumeClaim: { claimName: 'toy', path: 'model' } } },
    ...{ claimName: 'toy', terminationGracePeriodSeconds: 30 },
    // One thread here as there: the order of a sum depends on how many share it.
    resources: { requests: { cpu: '50m', memory: '256Mi' }, limits: { cpu: '1', memory: '2Gi' } },
  },
};

const lying = `
  const { createServer } = require('node:http');
  const answer = process.argv[1];
  createServer((request, response) => {
    console.log('asked for', request.url);
    response.setHeader('content-type', 'application/json').end(answer);
  }).listen(8000, '::', () => console.log('it listens'));
`;

function labelsOf({ metadata: { name, uid } }: Named) {
  const own = { 'anneal.dev/pool-name': name, 'anneal.dev/pool-uid': uid };
  return { ...own, 'anneal.dev/component': 'pool' };
}

function aNeighbour(name: string, jobs: readonly Named[], labels: object) {
  const message = 'so says somebody else';
  const told = jobs.map(({ metadata }) => {
    return { uid: metadata.uid, state: 'Failed', code: 'E_INTERNAL', message };
  });
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels } },
    spec: {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          ...{ name: 'neighbour', image: imageName('worker'), imagePullPolicy: 'Never' },
          command: ['node', '-e', lying, JSON.stringify({ v: 1, jobs: told })],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  };
}

const reaching = `
  const { connect } = require('node:net');
  const reach = (host) => new Promise((resolve) => {
    const socket = connect({ host, port: 8000, timeout: 1500 });
    const end = (answer) => { socket.destroy(); resolve(answer); };
    socket.on('connect', () => end(true)).on('timeout', () => end(false)).on('error', () => end(false));
  });
  Promise.all(process.argv.slice(1).map(reach)).then((all) => console.log(JSON.stringify(all)));
`;

/** Which of the addresses answer a pod at the port of pools. */
async function reaches(namespace: string, pod: string, addresses: readonly string[]) {
  const words = ['-n', namespace, 'exec', pod, '--', 'node', '-e', reaching, ...addresses];
  return JSON.parse((await kubectl(words)).stdout) as readonly boolean[];
}

async function addressesOf(namespace: string, pods: readonly string[]) {
  const found = await Promise.all(pods.map((name) => getJson(namespace, 'pods', name)));
  return (found as unknown as readonly Pod[]).map(({ status }) => status.podIP ?? '');
}

function apply(namespace: string, object: object) {
  return kubectl(['-n', namespace, 'apply', '-f', '-'], { input: JSON.stringify(object) });
}

async function jobOf(namespace: string, name: string): Promise<Named> {
  return (await getJson(namespace, 'finetunejobs', name)) as unknown as Named;
}

/** Those that the Job of the pool made. */
async function podsOf(namespace: string): Promise<readonly Pod[]> {
  const selector = `${ofPool},batch.kubernetes.io/job-name=smol-pool`;
  return (await listJson(namespace, 'pods', selector)) as Pod[];
}

async function until(
  namespace: string,
  what: string,
  holds: (status: PoolStatus) => boolean,
): Promise<PoolStatus> {
  const status = async () =>
    ((await getJson(namespace, 'trainingpools', 'smol'))['status'] ?? {}) as PoolStatus;
  let last: PoolStatus = {};
  const looked = async () => {
    last = await status();
    return holds(last);
  };
  await eventually(what, looked, soon).catch((cause: unknown) => {
    throw new Error(`${what}: ${JSON.stringify(last)}`, { cause });
  });
  return last;
}

interface Told {
  readonly type: string;
  readonly firstStep?: number;
}

/** What the run wrote of itself on the claim, which is a folder of this machine. */
function toldBy(folder: string, { metadata }: Named): readonly Told[] {
  const path = join(folder, sharedFolder.runs, runName(metadata), runFiles.telemetry);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as Told);
}

const stepsOf = (folder: string, job: Named) =>
  toldBy(folder, job).filter(({ type }) => type === 'step');

const plansOf = (folder: string, job: Named) =>
  toldBy(folder, job).filter(({ type }) => type === 'plan');
