// Jobs of one worker: a real model, and a toy whose pod is lost on the way.
import { chmod, cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ensureDemo } from '../../../cli/setup/demo.ts';
import { thisSetup } from '../../../cli/setup/setup.ts';
import type { AdapterSpec } from '../../../crds/api/adapter.ts';
import { runReport } from '../../../crds/wire/run-report.ts';
import { digestsBelow } from '../../e2e/killed-run.ts';
import { type ToyJobOptions, writeToyJob } from '../../toy/toy-job.ts';
import {
  annealOn,
  onThisMachine,
  type RunningPod,
  statusOf,
  untilComplete,
  workerPod,
} from '../a-real-job.ts';
import { kubectl, listJson } from '../access.ts';
import { jobInWords } from '../job-in-words.ts';
import { test } from '../our-cluster.ts';
import { killPod } from '../pod-processes.ts';
import { aSharedFolder } from '../shared-folder.ts';
import type { SharedRelease } from '../shared-release.ts';
import { ToldSteps } from '../told-steps.ts';

const toy = {
  name: 'toy',
  claim: 'toy',
  method: { preset: 'KaSA', adapter: { type: 'KaSA', kasa: { rank: 4, alpha: '8' } } },
  worker: { devicesPerWorker: 0, terminationGracePeriodSeconds: 10 },
  formats: ['PEFTAdapter', 'MergedSafetensors'],
} as const;

/** Its ranks and its beginning follow from the data, and are recorded once. */
const eva = {
  preset: 'EVA',
  adapter: { type: 'EVA', eva: { rank: 4, rho: '2' } },
};

export function jobsOfOneWorker(release: SharedRelease): void {
  test(
    'kubectl apply of the first example ends Complete, with an adapter of SmolLM2 on the volume',
    release.turn((t, namespace) => firstExample(t, namespace, release.namespace)),
  );
  test(
    'a job whose pod is lost ends with the bits that this machine makes of its file',
    release.turn((t, namespace) => podLost(t, namespace)),
  );
  test(
    'a classifier whose pod is killed ends with the bits that this machine makes of its file',
    release.turn((t, namespace) =>
      podLost(t, namespace, { family: 'bert', method: eva, lose: killed }),
    ),
  );
  test(
    'a model that makes pictures, whose pod is killed, ends with the bits of this machine',
    release.turn((t, namespace) => {
      const method = { preset: 'LoRA', precision: { type: 'Float32' } };
      return podLost(t, namespace, { family: 'dit', method, lose: killed });
    }),
  );
  test(
    'a job that only quantizes ends with the bits that this machine makes of its file',
    release.turn(onlyQuantized),
  );
}

async function onlyQuantized(t: ExecutionContext, namespace: string): Promise<void> {
  const folder = await aSharedFolder(namespace, 'toy');
  const env = [{ name: 'OMP_NUM_THREADS', value: '1' }];
  const { file } = await writeToyJob(folder, {
    ...{ ...toy, training: null, worker: { ...toy.worker, env } },
    ...{ method: { preset: 'NoTraining' }, formats: ['CompressedTensors'] },
    output: { quantization: { bits: 4, groupSize: 32, calibrationSequences: 4 } },
  });
  await chmod(join(folder, 'out'), 0o777);
  const expected = onThisMachine(t, folder, 1);
  await kubectl(['-n', namespace, 'apply', '-f', file]);
  await Promise.all([untilComplete(t, namespace, 'toy'), expected]);
  t.deepEqual(digestsBelow(join(folder, 'out')), await expected);
}

/** What runs there is asked to go, and saves. */
const removed = ({ name }: RunningPod, namespace: string) =>
  kubectl(['-n', namespace, 'delete', 'pod', name, '--grace-period=0', '--force']);

const killed = async ({ uid }: RunningPod) => killPod(uid);

interface Lost extends Partial<Pick<ToyJobOptions, 'family' | 'method'>> {
  /** @default removed */
  readonly lose?: (pod: RunningPod, namespace: string) => Promise<unknown>;
}

async function podLost(
  t: ExecutionContext,
  namespace: string,
  { lose = removed, ...own }: Lost = {},
): Promise<void> {
  const folder = await aSharedFolder(namespace, 'toy');
  // One thread here as there: the order of a sum depends on how many share it.
  const env = [{ name: 'OMP_NUM_THREADS', value: '1' }];
  const training = { maxSteps: 400 };
  const { file } = await writeToyJob(folder, {
    ...{ ...toy, training, worker: { ...toy.worker, env }, checkpoint: { intervalSteps: 10 } },
    ...own,
  });
  await chmod(join(folder, 'out'), 0o777);
  const expected = onThisMachine(t, folder, 1);
  await kubectl(['-n', namespace, 'apply', '-f', file]);
  const told = new ToldSteps(folder, () => jobInWords(namespace, 'toy'));
  await told.untilStep(1);
  const first = await workerPod(namespace, 'toy');
  if (first === undefined) return t.fail('no worker is running');
  await lose(first, namespace);
  await Promise.all([untilComplete(t, namespace, 'toy'), expected]);
  t.deepEqual(digestsBelow(join(folder, 'out')), await expected);
  const { rendezvous, artifacts = [] } = await statusOf(namespace, 'toy');
  t.true((rendezvous?.round ?? 0) >= 2, 'the second pod opened no round');
  t.deepEqual(
    artifacts.map(({ uri }) => uri.replace(/^(pvc:\/\/toy\/out)\/.*/, '$1')),
    [...['pvc://toy/out', 'pvc://toy/out']],
  );
}

interface Made {
  readonly spec: AdapterSpec;
}

async function firstExample(
  t: ExecutionContext,
  namespace: string,
  release: string,
): Promise<void> {
  const volume = await ensureDemo(thisSetup(new AbortController().signal));
  const folder = await aSharedFolder(namespace, 'demo');
  // Not what runs on this machine have left beside them.
  for (const part of ['model', 'sharegpt.json']) {
    await cp(join(volume, part), join(folder, part), { recursive: true, dereference: true });
  }
  const example = join(import.meta.dirname, '../../../crds/examples/first.yaml');
  const applied = await kubectl(['-n', namespace, 'apply', '-f', example]);
  t.is(applied.stdout, 'finetunejob.anneal.dev/first created');
  await untilComplete(t, namespace, 'first', 20);
  const waited = await kubectl([
    ...['-n', namespace, 'wait', '--for=condition=Complete', 'finetunejob/first'],
    '--timeout=5s',
  ]);
  t.is(waited.stdout, 'finetunejob.anneal.dev/first condition met');
  const adapter = join(folder, 'first', 'adapter');
  t.log((await readdir(join(folder, 'first'), { recursive: true })).join(', '));
  const config = JSON.parse(await readFile(join(adapter, 'adapter_config.json'), 'utf8'));
  t.is(config.r, 16);
  const text = await readFile(join(folder, 'first', 'report.json'), 'utf8');
  const { evaluation, artifacts } = runReport.parse(JSON.parse(text));
  t.log(JSON.stringify({ evaluation, artifacts }));
  const get = await kubectl(['-n', namespace, 'get', 'finetunejobs']);
  t.log(get.stdout);
  const [made] = (await listJson(namespace, 'adapters', 'anneal.dev/job-name=first')) as Made[];
  t.log(JSON.stringify(made));
  t.is(made?.spec.type, 'LoRA');
  t.regex(made?.spec.base.digest ?? '', /^sha256:/);
  t.regex(made?.spec.forms[0]?.uri ?? '', /^pvc:\/\/demo\/first/);
  const { plan, conditions = [] } = await statusOf(namespace, 'first');
  t.is(plan?.memory?.limit, '3Gi');
  // Its worker prepared and published: there was no other pod.
  const objects = await kubectl([
    ...['-n', namespace, 'get', 'jobs,configmaps,networkpolicies', '-o', 'name'],
    ...['-l', 'anneal.dev/job-name=first'],
  ]);
  t.is(objects.stdout.replace(/plan-\w+/, 'plan'), 'job.batch/first-w1\nconfigmap/first-plan');
  t.is(conditions.find(({ type }) => type === 'Initialized')?.reason, 'Ready');
  t.is(conditions.find(({ type }) => type === 'Published')?.reason, 'Uploaded');
  const { stdout: prepared } = await kubectl([
    '-n',
    namespace,
    'logs',
    'job/first-w1',
    '-c',
    'prepare',
  ]);
  t.regex(prepared, / records, .* documents/);
  const described = await annealOn(namespace, release, ['describe', 'first']);
  t.regex(described.stdout, /^ *memory +\d.* planned$/m);
}
