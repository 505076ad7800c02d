// Adapters that jobs of the cluster made, served by name from its pods: adapters come and go
// without a restart, and new pods take the place of old ones without a request that fails.
import { chmod, cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import OpenAI, { APIError } from 'openai';
import type { ServerStatus } from '../../crds/api/adapter-server.ts';
import { eventually } from '../doubles/eventually.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { annealOn, untilComplete } from './a-real-job.ts';
import { getJson, kubectl, listJson, type Plural } from './access.ts';
import { closedAfter } from './closed-after.ts';
import { test } from './our-cluster.ts';
import { isReady, serverChanges } from './server-changes.ts';
import { aSharedFolder } from './shared-folder.ts';
import { SharedRelease } from './shared-release.ts';

const file = closedAfter(test);
const release = new SharedRelease();

test.before(async (t) => {
  t.timeout(900_000);
  await release.install(file, { features: { adapterServers: true } });
});

test(
  'adapters are served by name, come and go without a restart, and a rollout drops no request',
  release.turn(served),
);

const asked = {
  messages: [{ role: 'user', content: 'what is 3 and 5' }],
  max_tokens: 8,
  temperature: 0,
} satisfies Partial<OpenAI.Chat.ChatCompletionCreateParamsNonStreaming>;

interface Named {
  readonly metadata: { readonly name: string; readonly uid: string };
}

interface ServingPod extends Named {
  readonly metadata: Named['metadata'] & { readonly deletionTimestamp?: string };
  readonly status: { readonly containerStatuses?: readonly { readonly restartCount: number }[] };
}

type Adapters = NonNullable<ServerStatus['adapters']>;

function loadOf(adapters: Adapters, name: string) {
  return adapters.find((one) => one.name === name)?.load;
}

const ofServer = 'anneal.dev/server-name=answers';

async function served(t: ExecutionContext, namespace: string): Promise<void> {
  const folder = await aSharedFolder(namespace, 'toy');
  const job = await writeToyJob(folder, {
    ...{ name: 'first', claim: 'toy', method: { preset: 'LoRA' } },
    training: { maxSteps: 6, learningRate: '0.05' },
    worker: { devicesPerWorker: 0, terminationGracePeriodSeconds: 10 },
  });
  await chmod(job.destination, 0o777);
  await kubectl(['-n', namespace, 'apply', '-f', job.file]);
  await untilComplete(t, namespace, 'first');
  for (const copy of ['second', 'third']) {
    await cp(join(job.destination, 'adapter'), join(folder, copy), { recursive: true });
  }
  const [made] = (await listJson(namespace, 'adapters')) as Named[];
  const change = serverChanges(namespace);

  // What somebody else has under the name stays as it is.
  await kubectl(['-n', namespace, 'create', 'service', 'clusterip', 'taken', '--tcp=80']);
  await kubectl(['-n', namespace, 'create', 'configmap', 'held-adapters', '--from-literal=a=b']);
  for (const [name, theirs] of [
    ['taken', 'Service taken'],
    ['held', 'ConfigMap held-adapters'],
  ] as const) {
    await change.apply(aServer(name, []));
    await change.until(name, 'the name is somebody else’s', ({ conditions = [] }) =>
      conditions.some(({ reason, message }) => {
        return reason === 'NameConflict' && message.startsWith(`${theirs} belongs to someone`);
      }),
    );
    await change.remove(name);
  }
  const { data: held } = await getJson(namespace, 'configmaps', 'held-adapters');
  t.deepEqual(held, { a: 'b' });

  const first = { name: 'first', adapterRef: { name: made?.metadata.name } };
  const second = claimed('second');
  await change.apply(
    aServer('answers', [first, second, { name: 'lost', adapterRef: { name: 'gone' } }]),
  );
  await change.until('answers', 'the pod answers', (status) => isReady(status));
  const refused = await change.until('answers', 'states are told', ({ adapters = [] }) =>
    adapters.every(({ state }) => state !== 'Loading'),
  );
  t.deepEqual(
    refused.adapters?.map(({ load: _, ...state }) => state),
    [
      { name: 'first', state: 'Loaded' },
      { name: 'second', state: 'Loaded' },
      { name: 'lost', state: 'Refused', message: 'Adapter gone is not there' },
      { name: 'both', state: 'Loaded' },
    ],
  );
  t.is(refused.summary, '3/4');
  const get = await kubectl(['-n', namespace, 'get', 'adapterservers']);
  t.log(get.stdout);

  const client = await clientOf(namespace);
  const { data } = await client.models.list();
  t.deepEqual(data.map(({ id }) => id).sort(), ['both', 'first', 'second', 'toy']);
  const answers = new Map<string, string>();
  for (const { id: model } of data) answers.set(model, await answerOf(client, model));
  t.is(answers.get('first'), answers.get('second'));
  t.not(answers.get('first'), answers.get('toy'), 'the adapter says something else');
  const unknown = await t.throwsAsync(answerOf(client, 'nobody'), { instanceOf: APIError });
  t.is(unknown?.status, 404);

  // Three clients that never rest, on connections that stay open, whatever happens from here on.
  using traffic = new Traffic(client, ['toy', 'first', 'both']);
  const [before] = await podsOf(namespace);
  await change.apply(aServer('answers', [first, second, claimed('third')]));
  await change.until('answers', 'the third is loaded', ({ adapters = [] }) =>
    adapters.some(({ name, state }) => name === 'third' && state === 'Loaded'),
  );
  t.is(await answerOf(client, 'third'), answers.get('first') ?? '');
  await change.until('answers', 'what is asked of the adapters is told', ({ adapters = [] }) =>
    ['first', 'both'].every((one) => (loadOf(adapters, one)?.tokens ?? 0) > 0),
  );
  const words = ['watch', 'answers', '--until', 'serving', '--display', 'plain'];
  const watched = await annealOn(namespace, namespace, words);
  t.regex(watched.stdout, /answers Serving · 4\/4 adapters · 1\/1 pods · \d+ open$/);
  t.log(watched.stdout);
  await change.apply(aServer('answers', [first, second]));
  await eventually(
    'the third is gone',
    async () => (await client.models.list()).data.every(({ id }) => id !== 'third'),
    { withinMs: 180_000, everyMs: 500 },
  );
  const [after, ...others] = await podsOf(namespace);
  t.deepEqual(others, []);
  t.is(after?.metadata.uid, before?.metadata.uid);
  t.is(after?.status.containerStatuses?.[0]?.restartCount, 0);

  await change.apply(aServer('answers', [first, second], '60m'));
  const isReplaced = async () => {
    const pods = await podsOf(namespace);
    return pods.length === 1 && pods[0]?.metadata.uid !== before?.metadata.uid;
  };
  await eventually('a new pod has taken over', isReplaced, { withinMs: 240_000, everyMs: 500 });
  await change.until('answers', 'the new pod is all there is', (status) => isReady(status));
  const { failures, count } = await traffic.stop();
  t.deepEqual(failures, []);
  t.log(`${count} requests were answered meanwhile`);
  t.true(count > 20);

  await change.remove('answers');
  const kinds: readonly Plural[] = ['deployments', 'services', 'configmaps', 'pods'];
  const left = async () =>
    (await Promise.all(kinds.map((kind) => listJson(namespace, kind, ofServer)))).flat();
  await eventually('nothing of it is left', async () => (await left()).length === 0, {
    withinMs: 120_000,
    everyMs: 500,
  });
}

function claimed(path: string) {
  return { name: path, persistentVolumeClaim: { claimName: 'toy', path } };
}

function aServer(name: string, adapters: readonly object[], cpu = '50m') {
  const parts = [{ adapter: 'first' }, { adapter: 'second' }];
  return {
    ...{ apiVersion: 'anneal.dev/v1alpha1', kind: 'AdapterServer', metadata: { name } },
    spec: {
      model: { source: { persistentVolumeClaim: { claimName: 'toy', path: 'model' } } },
      ...{ modelName: 'toy', adapters },
      compose: adapters.length === 0 ? [] : [{ name: 'both', mode: 'Logits', parts }],
      limits: { sequences: 4, context: 128, cacheMemory: '16Mi' },
      resources: { requests: { cpu, memory: '256Mi' }, limits: { memory: '1Gi' } },
    },
  };
}

/** Through the Service, whose address this machine reaches. */
async function clientOf(namespace: string): Promise<OpenAI> {
  const { spec } = await getJson(namespace, 'services', 'answers');
  const { clusterIP } = spec as { clusterIP: string };
  return new OpenAI({ baseURL: `http://${clusterIP}:8000/v1`, apiKey: 'none', maxRetries: 0 });
}

async function answerOf(client: OpenAI, model: string): Promise<string> {
  const { choices } = await client.chat.completions.create({ model, ...asked });
  return choices[0]?.message.content ?? '';
}

async function podsOf(namespace: string): Promise<readonly ServingPod[]> {
  return (await listJson(namespace, 'pods', ofServer)) as ServingPod[];
}

/** Three clients that ask again as soon as they are answered. */
class Traffic {
  readonly failures: string[] = [];
  readonly #clients: readonly Promise<void>[];
  #count = 0;
  #isOver = false;

  constructor(client: OpenAI, models: readonly string[]) {
    this.#clients = models.map(async (model) => {
      while (!this.#isOver) {
        await answerOf(client, model).then(
          () => {
            this.#count += 1;
          },
          (error: unknown) => this.failures.push(`${model}: ${error}`),
        );
        await sleep(20);
      }
    });
  }

  async stop(): Promise<{ readonly failures: readonly string[]; readonly count: number }> {
    this[Symbol.dispose]();
    await Promise.all(this.#clients);
    return { failures: this.failures, count: this.#count };
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
  }
}
