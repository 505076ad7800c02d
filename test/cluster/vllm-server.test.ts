// A server whose engine is vLLM: what the operator writes for it runs on the nodes, and our own
// container in front of it looks at base and adapters. vLLM itself needs a GPU, and is a toy here.
import { chmod, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import OpenAI, { APIError } from 'openai';
import { eventually } from '../doubles/eventually.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { untilComplete } from './a-real-job.ts';
import { getJson, kubectl, listJson } from './access.ts';
import { closedAfter } from './closed-after.ts';
import { test } from './our-cluster.ts';
import { isReady, serverChanges } from './server-changes.ts';
import { aSharedFolder } from './shared-folder.ts';
import { SharedRelease } from './shared-release.ts';
import { loadVllmImage, vllmImage } from './toy-image.ts';

const file = closedAfter(test);
const release = new SharedRelease();

test.before(async (t) => {
  t.timeout(900_000);
  await loadVllmImage();
  await release.install(file, { features: { adapterServers: true } });
});

test(
  'vLLM is given the base and the adapters that it computes as they were trained',
  release.turn(handedOver),
);

async function handedOver(t: ExecutionContext, namespace: string): Promise<void> {
  const folder = await aSharedFolder(namespace, 'toy');
  const job = await writeToyJob(folder, {
    ...{ name: 'first', claim: 'toy', method: { preset: 'LoRA' } },
    training: { maxSteps: 2, learningRate: '0.05' },
    worker: { devicesPerWorker: 0, terminationGracePeriodSeconds: 10 },
  });
  await chmod(job.destination, 0o777);
  await kubectl(['-n', namespace, 'apply', '-f', job.file]);
  await untilComplete(t, namespace, 'first');
  const adapter = join(job.destination, 'adapter');
  await cp(adapter, join(folder, 'second'), { recursive: true });
  await cp(adapter, join(folder, 'dora'), { recursive: true });
  await edit(join(folder, 'dora'), { use_dora: true });
  const [made] = (await listJson(namespace, 'adapters')) as { metadata: { name: string } }[];
  const change = serverChanges(namespace);

  const first = { name: 'first', adapterRef: { name: made?.metadata.name } };
  await change.apply(aServer([first, claimed('dora')]));
  await change.until('answers', 'vLLM answers', isReady);
  const { adapters } = await change.until('answers', 'states are told', (status) =>
    (status.adapters ?? []).every(({ state }) => state !== 'Loading'),
  );
  t.like(adapters, [
    { name: 'first', state: 'Loaded' },
    { name: 'dora', state: 'Refused' },
  ]);
  t.regex(adapters?.[1]?.message ?? '', /use_dora is true, and DoRA rescales the weights$/);
  const get = await kubectl(['-n', namespace, 'get', 'adapterservers,deployments']);
  t.log(get.stdout);

  const client = await clientOf(namespace);
  t.deepEqual((await client.models.list()).data.map(({ id }) => id).sort(), ['first', 'toy']);
  t.is(await answerOf(client, 'first'), 'I am first');
  const unknown = await t.throwsAsync(answerOf(client, 'dora'), { instanceOf: APIError });
  t.is(unknown?.status, 404);

  // vLLM is told its adapters when it starts: one more is a new pod.
  await change.apply(aServer([first, claimed('second')]));
  await change.until(
    'answers',
    'the second is loaded',
    (status) =>
      isReady(status) &&
      (status.adapters ?? []).every(({ state }) => state === 'Loaded') &&
      status.summary === '2/2',
  );
  // A connection to the pod that goes lasts as long as that pod.
  await eventually(
    'the new pod is asked',
    async () => (await answerOf(client, 'second').catch(() => '')) === 'I am second',
    { withinMs: 60_000, everyMs: 500 },
  );

  // A base that is another one than the adapters name.
  await edit(join(folder, 'model'), { max_position_embeddings: 32 });
  await change.apply(aServer([first], { modelName: 'other' }));
  const refused = await change.until('answers', 'the adapter is refused', (status) =>
    (status.adapters ?? []).some(({ state }) => state === 'Refused'),
  );
  t.regex(refused.adapters?.[0]?.message ?? '', /was trained on the base sha256:/);
  await change.remove('answers');
}

async function edit(folder: string, changes: object): Promise<void> {
  const name = 'use_dora' in changes ? 'adapter_config.json' : 'config.json';
  const path = join(folder, name);
  const read: object = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...read, ...changes }));
}

function claimed(path: string) {
  return { name: path, persistentVolumeClaim: { claimName: 'toy', path } };
}

function aServer(adapters: readonly object[], changes: object = {}) {
  return {
    ...{ apiVersion: 'anneal.dev/v1alpha1', kind: 'AdapterServer' },
    metadata: { name: 'answers' },
    spec: {
      model: { source: { persistentVolumeClaim: { claimName: 'toy', path: 'model' } } },
      engine: { type: 'VLLM', vllm: { image: vllmImage } },
      ...{ modelName: 'toy', adapters, devicesPerReplica: 1 },
      limits: { sequences: 4, context: 4096 },
      resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '1Gi' } },
      ...changes,
    },
  };
}

async function clientOf(namespace: string): Promise<OpenAI> {
  const { spec } = await getJson(namespace, 'services', 'answers');
  const { clusterIP } = spec as { clusterIP: string };
  return new OpenAI({ baseURL: `http://${clusterIP}:8000/v1`, apiKey: 'none', maxRetries: 0 });
}

async function answerOf(client: OpenAI, model: string): Promise<string> {
  const messages = [{ role: 'user', content: 'who are you' }] as const;
  const { choices } = await client.chat.completions.create({ model, messages: [...messages] });
  return choices[0]?.message.content ?? '';
}
