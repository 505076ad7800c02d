// A server whose base and adapters lie in a bucket, which runs on this machine: a job wrote one of
// them there, and the keys are in a Secret that pods alone read.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import OpenAI from 'openai';
import { parse, stringify } from 'yaml';
import { changed } from '../builders/job.ts';
import { S3Server } from '../doubles/s3-server.ts';
import { temporaryFolder } from '../doubles/temporary-folder.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { untilComplete } from './a-real-job.ts';
import { getJson, kubectl, listJson } from './access.ts';
import { closedAfter } from './closed-after.ts';
import { test } from './our-cluster.ts';
import { aSecret, bridge, filesOf } from './real-pods/places.ts';
import { isReady, serverChanges } from './server-changes.ts';
import { aSharedFolder } from './shared-folder.ts';
import { SharedRelease } from './shared-release.ts';

const file = closedAfter(test);
const release = new SharedRelease();
let s3: S3Server;

test.before(async (t) => {
  t.timeout(900_000);
  s3 = await S3Server.start(bridge());
  file.teardown(() => s3[Symbol.asyncDispose]());
  s3.keys.set('known', 'all');
  await release.install(file, { features: { adapterServers: true } });
});

test('base and adapters are served from a bucket, with keys of a Secret', release.turn(served));

async function served(t: ExecutionContext, namespace: string): Promise<void> {
  await using made = await temporaryFolder();
  const { file: written } = await writeToyJob(made.path, {
    ...{ name: 'first', method: { preset: 'LoRA' }, formats: ['PEFTAdapter'] },
    training: { maxSteps: 6, learningRate: '0.05' },
    worker: { devicesPerWorker: 0, terminationGracePeriodSeconds: 10 },
  });
  for (const [name, bytes] of Object.entries(await filesOf(join(made.path, 'model')))) {
    s3.put(`/data/model/${name}`, bytes);
  }
  s3.put('/data/train.jsonl', await readFile(join(made.path, 'data.jsonl')));
  const keys = { AWS_ACCESS_KEY_ID: 'known', AWS_SECRET_ACCESS_KEY: 'hidden' };
  await aSecret(namespace, 'keys', keys);
  await aSharedFolder(namespace, 'work');
  const secret = { credentialsSecretRef: { name: 'keys' } };
  const bucket = (uri: string) => ({ s3: { uri, endpoint: s3.endpoint, ...secret } });
  const job = changed(parse(await readFile(written, 'utf8')), {
    'spec.model.source': bucket('s3://data/model'),
    'spec.dataset.train': bucket('s3://data/train.jsonl'),
    'spec.output.destination': bucket('s3://results/first'),
    'spec.storage': { data: { persistentVolumeClaim: { claimName: 'work' } } },
    'spec.network': { egressCIDRs: [`${bridge().address}/32`] },
  });
  await kubectl(['-n', namespace, 'apply', '-f', '-'], { input: stringify(job) });
  await untilComplete(t, namespace, 'first');
  const [adapter] = (await listJson(namespace, 'adapters')) as readonly {
    readonly metadata: { readonly name: string };
    readonly spec: {
      readonly forms: readonly object[];
      readonly base: { readonly sizes?: object };
    };
  }[];
  t.like(adapter?.spec.forms[0], { uri: 's3://results/first/adapter', endpoint: s3.endpoint });
  t.truthy(adapter?.spec.base.sizes);
  for (const name of ['adapter_config.json', 'adapter_model.safetensors']) {
    s3.put(`/results/copy/${name}`, s3.get(`/results/first/adapter/${name}`) ?? '');
  }

  const change = serverChanges(namespace);
  const first = { name: 'first', adapterRef: { name: adapter?.metadata.name, ...secret } };
  const copy = { name: 'copy', ...bucket('s3://results/copy') };
  const lost = { name: 'lost', ...bucket('s3://results/nothing') };
  await change.apply(aServer([first, copy, lost], bucket('s3://data/model')));
  await change.until('answers', 'the pod answers', isReady);
  const told = await change.until('answers', 'states are told', ({ adapters = [] }) =>
    adapters.every(({ state }) => state !== 'Loading'),
  );
  t.deepEqual(
    told.adapters?.map(({ name, state }) => `${name} ${state}`),
    ['first Loaded', 'copy Loaded', 'lost Refused'],
  );
  t.regex(told.adapters?.[2]?.message ?? '', /s3:\/\/results\/nothing/);

  // The memory of its pods is that of the plan, which the Adapter made possible.
  t.truthy(told.memory?.peak);
  const { spec } = await getJson(namespace, 'deployments', 'answers');
  const { template } = spec as { template: { spec: { containers: { resources: Amounts }[] } } };
  const { requests = {} } = template.spec.containers[0]?.resources ?? {};
  t.regex(requests['memory'] ?? '', /^\d+Mi$/);
  t.log(JSON.stringify(told.memory), requests['memory']);

  const client = await clientOf(namespace);
  const answers = new Map<string, string>();
  for (const model of ['toy', 'first', 'copy']) answers.set(model, await answerOf(client, model));
  t.is(answers.get('first'), answers.get('copy'));
  t.not(answers.get('first'), answers.get('toy'), 'the adapter says something else');

  // Keys are a matter between kubelet and the pod: the operator may not read Secrets.
  const mayRead = await kubectl(
    [
      ...['auth', 'can-i', 'get', 'secrets', '-n', namespace],
      ...['--as', `system:serviceaccount:${release.namespace}:anneal-operator`],
    ],
    { mayFail: true },
  );
  t.is(mayRead.stdout.trim(), 'no');
  await change.remove('answers');
}

type Amounts = { readonly requests?: Readonly<Record<string, string>> };

function aServer(adapters: readonly object[], source: object) {
  return {
    ...{ apiVersion: 'anneal.dev/v1alpha1', kind: 'AdapterServer' },
    metadata: { name: 'answers' },
    spec: {
      ...{ model: { source }, modelName: 'toy', adapters },
      limits: { sequences: 4, context: 128, cacheMemory: '16Mi' },
      resources: { requests: { cpu: '50m' } },
    },
  };
}

async function clientOf(namespace: string): Promise<OpenAI> {
  const { spec } = await getJson(namespace, 'services', 'answers');
  const { clusterIP } = spec as { clusterIP: string };
  return new OpenAI({ baseURL: `http://${clusterIP}:8000/v1`, apiKey: 'none', maxRetries: 0 });
}

async function answerOf(client: OpenAI, model: string): Promise<string> {
  const { choices } = await client.chat.completions.create({
    ...{ model, max_tokens: 8, temperature: 0 },
    messages: [{ role: 'user', content: 'what is 3 and 5' }],
  });
  return choices[0]?.message.content ?? '';
}
