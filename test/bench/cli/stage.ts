// What the terminal is measured before: a small API server with 500 jobs of which one changes ten
// times a second, and a bus on which the workers of that job say 200 lines a second. Discovery is
// answered too, so that kubectl can be measured before the same server.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { subjects } from '../../../crds/wire/subjects.ts';
import { aWrittenJob } from '../../builders/job.ts';
import { JobRecords } from '../../doubles/job-records.ts';
import { type Asked, KubeServer } from '../../doubles/kube/server.ts';
import { cluster, NatsServer } from '../../doubles/nats-server.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const collection = 'apis/anneal.dev/v1alpha1/finetunejobs';
const namespace = 'team-a';
export const jobs = 500;
export const changesPerSecond = 10;
export const linesPerSecond = 200;
const workers = 4;

export interface Stage extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  /** One job moves on, ten times a second. */
  change(seconds: number): Promise<void>;
  /** The workers of that job talk. */
  talk(seconds: number): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  await using opened = new AsyncDisposableStack();
  const server = opened.use(await KubeServer.start());
  const nats = opened.use(await NatsServer.start());
  const bus = opened.use(await nats.bus('workers'));
  const folder = opened.use(await temporaryFolder());
  server.intercept = (asked) => {
    const body = answerTo(asked) ?? tableFor(asked, server);
    return body === undefined ? undefined : { status: 200, body };
  };
  for (let index = 0; index < jobs; index++) put(server, index, 0);
  const kubeconfig = join(folder.path, 'config');
  await writeFile(kubeconfig, JSON.stringify(configOf(server.origin)));
  await writeK9sSettings(folder.path);
  const { metadata } = server.objects.get(placeOf(0)) as { metadata: { uid: string } };
  const job = { namespace, uid: metadata.uid };
  await new JobRecords(bus, job).admit(workers);
  const held = opened.move();
  let said = 0;
  return {
    env: {
      ...{ KUBECONFIG: kubeconfig, KUBECACHEDIR: join(folder.path, 'kube') },
      ...{ ANNEAL_CACHE: folder.path, ANNEAL_NATS_URL: nats.url, HOME: folder.path },
    },
    change: (seconds) =>
      every(1000 / changesPerSecond, seconds, (change) => put(server, 0, change + 1)),
    // Twenty times a second ten lines: a timer does not keep a pace of 5 ms.
    talk: (seconds) =>
      every(50, seconds, async () => {
        for (let line = 0; line < linesPerSecond / 20; line++) {
          said += 1;
          const index = line % workers;
          const text = `line ${said} of worker ${index}: gradients of the last block are finite`;
          const head = { v: 1, time: Date.now() / 1000, index, podName: `job-000-w1-${index}` };
          const record = { ...head, level: 'info', from: 'worker', text };
          await bus.publish(subjects.message(cluster, job, 'logs', index), record, String(said));
        }
      }),
    async [Symbol.asyncDispose]() {
      await held.disposeAsync();
    },
  };
}

async function every(
  ms: number,
  seconds: number,
  act: (turn: number) => void | Promise<void>,
): Promise<void> {
  const began = performance.now();
  for (let turn = 0; turn * ms < seconds * 1000; turn++) {
    await act(turn);
    await wait(Math.max(0, began + (turn + 1) * ms - performance.now()));
  }
}

const placeOf = (index: number) => ({
  ...{ collection, namespace },
  name: `job-${String(index).padStart(3, '0')}`,
});

function put(server: KubeServer, index: number, step: number): void {
  const at = placeOf(index);
  const status = {
    phase: 'Running',
    workers: { summary: `${workers}/${workers}` },
    progress: { step, totalSteps: 1000, trainLoss: '1.9', tokensPerSecond: '41230' },
  };
  if (server.objects.find(at) !== undefined) server.objects.mergePatch(at, { status });
  else {
    const { name } = at;
    server.objects.create(at, { ...aWrittenJob(), metadata: { name, namespace }, status });
  }
}

/** Without asking its own releases. */
async function writeK9sSettings(home: string): Promise<void> {
  await mkdir(join(home, '.config/k9s'), { recursive: true });
  await writeFile(join(home, '.config/k9s/config.yaml'), 'k9s: { skipLatestRevCheck: true }\n');
}

function configOf(server: string): object {
  return {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'bench' },
    contexts: [{ name: 'bench', context: { cluster: 'c', user: 'u', namespace } }],
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 't' } }],
  };
}

/** A token for the bus, and what kubectl and k9s ask before they list anything. */
function answerTo({ path }: Asked): Record<string, unknown> | undefined {
  if (path.endsWith('/token')) return { status: { token: 't' } };
  // Everybody may do everything.
  if (path.endsWith('/selfsubjectaccessreviews')) return accessReview;
  return discovery[path];
}

/**
 * k9s shows what the server made a table of; kubectl, which asks for one too, is content with
 * objects.
 */
function tableFor(
  { verb, path, headers }: Asked,
  { objects }: KubeServer,
): Record<string, unknown> | undefined {
  const asks = verb === 'GET' && headers.accept?.includes('as=Table') === true;
  const isKubectl = headers['user-agent']?.startsWith('kubectl') === true;
  if (!asks || isKubectl || !path.endsWith('/finetunejobs')) return undefined;
  const rows = objects.all(collection).map((object) => {
    const { metadata, status } = object as unknown as Listed;
    const { progress, workers } = status;
    const cells = [metadata.name, status.phase, workers.summary, progress.step, progress.trainLoss];
    return { cells, object: { ...partial, metadata } };
  });
  const columns = ['Name', 'Phase', 'Workers', 'Step', 'Loss'];
  return {
    ...{ kind: 'Table', apiVersion: 'meta.k8s.io/v1' },
    metadata: { resourceVersion: String(objects.version) },
    columnDefinitions: columns.map((name) => ({ name, type: 'string', format: '', priority: 0 })),
    rows,
  };
}

const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' };

interface Listed {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly phase: string;
    readonly workers: { readonly summary: string };
    readonly progress: { readonly step: number; readonly trainLoss: string };
  };
}

const accessReview = {
  ...{ kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1' },
  status: { allowed: true },
};
const version = { groupVersion: 'anneal.dev/v1alpha1', version: 'v1alpha1' };
const discovery: Readonly<Record<string, Record<string, unknown>>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/version': { major: '1', minor: '34', gitVersion: 'v1.34.0' },
  '/api/v1': {
    ...{ kind: 'APIResourceList', groupVersion: 'v1' },
    resources: [
      {
        name: 'namespaces',
        singularName: '',
        namespaced: false,
        kind: 'Namespace',
        verbs: ['get'],
      },
    ],
  },
  '/apis': {
    ...{ kind: 'APIGroupList', apiVersion: 'v1' },
    groups: [{ name: 'anneal.dev', versions: [version], preferredVersion: version }],
  },
  '/apis/anneal.dev/v1alpha1': {
    ...{ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: version.groupVersion },
    resources: [
      {
        ...{ name: 'finetunejobs', singularName: 'finetunejob', namespaced: true },
        ...{ kind: 'FineTuneJob', verbs: ['get', 'list', 'watch'], shortNames: ['ftj'] },
      },
    ],
  },
};
