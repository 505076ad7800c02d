// Jobs with real pods: the images of this checkout, installed by the chart, a real model. What a cluster makes of a job file is
// what `anneal run` makes of it on this machine, bit for bit, also when a pod is lost on the way.
import { chmod, cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDemo } from '../../cli/setup/demo.ts';
import { thisSetup } from '../../cli/setup/setup.ts';
import { runReport } from '../../crds/wire/run-report.ts';
import { digestsBelow } from '../e2e/killed-run.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { annealOn, onThisMachine, statusOf, untilComplete, workerPod } from './a-real-job.ts';
import { aNamespace, installCrd, kubectl } from './access.ts';
import { closedAfter } from './closed-after.ts';
import { installAnneal, loadImages } from './installed.ts';
import { test } from './our-cluster.ts';
import { aSharedFolder } from './shared-folder.ts';
import { ToldSteps } from './told-steps.ts';

const file = closedAfter(test);
const namespaces: string[] = [];
let release = '';

test.before(async (t) => {
  t.timeout(900_000);
  await installCrd();
  await loadImages();
  for (let each = 0; each < 2; each++) namespaces.push(await aNamespace(file));
  release = (await installAnneal(file, namespaces)).namespace;
});

const toy = {
  name: 'toy',
  claim: 'toy',
  method: { preset: 'LoRA', adapter: { type: 'LoRA', lora: { rank: 4, alpha: '8' } } },
  worker: { devicesPerWorker: 0, terminationGracePeriodSeconds: 10 },
  formats: ['PEFTAdapter', 'MergedSafetensors'],
} as const;

test('a job whose pod is lost ends with the bits that this machine makes of its file', async (t) => {
  t.timeout(900_000);
  const namespace = namespaces.pop() ?? '';
  const folder = await aSharedFolder(namespace, 'toy');
  // One thread here as there: the order of a sum depends on how many share it.
  const env = [{ name: 'OMP_NUM_THREADS', value: '1' }];
  const training = { maxSteps: 400 };
  const { file } = await writeToyJob(folder, {
    ...{ ...toy, training, worker: { ...toy.worker, env }, checkpoint: { intervalSteps: 10 } },
  });
  await chmod(join(folder, 'out'), 0o777);
  const expected = await onThisMachine(t, folder, 1);
  await kubectl(['-n', namespace, 'apply', '-f', file]);
  await new ToldSteps(folder).untilStep(1);
  const first = await workerPod(namespace, 'toy');
  if (first === undefined) return t.fail('no worker is running');
  await kubectl(['-n', namespace, 'delete', 'pod', first.name, '--grace-period=0', '--force']);
  await untilComplete(t, namespace, 'toy');
  t.deepEqual(digestsBelow(join(folder, 'out')), expected);
  const { rendezvous, artifacts = [] } = await statusOf(namespace, 'toy');
  t.true((rendezvous?.generation ?? 0) >= 2, 'the second pod opened no generation');
  t.deepEqual(
    artifacts.map(({ uri }) => uri.replace(/^(pvc:\/\/toy\/out)\/.*/, '$1')),
    [...['pvc://toy/out', 'pvc://toy/out']],
  );
});

test('kubectl apply of the first example ends Complete, with an adapter of SmolLM2 on the volume', async (t) => {
  t.timeout(1_500_000);
  const namespace = namespaces.pop() ?? '';
  const volume = await ensureDemo(thisSetup(new AbortController().signal));
  const folder = await aSharedFolder(namespace, 'demo');
  // Not what runs on this machine have left beside them.
  for (const part of ['model', 'sharegpt.json']) {
    await cp(join(volume, part), join(folder, part), { recursive: true, dereference: true });
  }
  const example = join(import.meta.dirname, '../../crds/examples/first.yaml');
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
  const { plan } = await statusOf(namespace, 'first');
  t.is(plan?.memory?.limit, '3Gi');
  const described = await annealOn(namespace, release, ['describe', 'first']);
  t.regex(described.stdout, /^ *memory +\d.* planned$/m);
});
