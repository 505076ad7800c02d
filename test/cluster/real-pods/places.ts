// Pods that fetch from and publish to a hub and a bucket, which run on this machine: credentials,
// network policies and progress are those of a real site. The servers listen on the bridge of the
// test cluster, which nothing but its pods can reach.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import type { FineTuneJobStatus } from '../../../crds/api/status.ts';
import { runReport } from '../../../crds/wire/run-report.ts';
import { changed } from '../../builders/job.ts';
import { eventually } from '../../doubles/eventually.ts';
import { HubServer } from '../../doubles/hub-server.ts';
import { S3Server } from '../../doubles/s3-server.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';
import { writeToyJob } from '../../toy/toy-job.ts';
import { statusOf, untilComplete } from '../a-real-job.ts';
import { type Closing, configFrom, kubectl } from '../access.ts';
import { test } from '../our-cluster.ts';
import { aSharedFolder } from '../shared-folder.ts';
import type { SharedRelease } from '../shared-release.ts';

export const tokens = { read: 'read-token', write: 'write-token' } as const;

/** The bridge of the cluster, and the name by which its pods call this machine. */
export function bridge() {
  const server = configFrom().getCurrentCluster()?.server ?? '';
  return { address: new URL(server).hostname, name: 'host.test' };
}

export async function aSecret(
  namespace: string,
  name: string,
  data: Readonly<Record<string, string>>,
) {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } };
  const input = JSON.stringify({ ...secret, stringData: data });
  await kubectl(['apply', '-f', '-'], { input });
}

export async function filesOf(folder: string): Promise<Record<string, Buffer>> {
  const names = await readdir(folder);
  const entries = names.map(async (name) => [name, await readFile(join(folder, name))] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** Of this machine, for the pods of the cluster. */
export class PlacesElsewhere {
  #hub: HubServer | undefined;
  #s3: S3Server | undefined;

  /** Until the file has ended. */
  async start(file: Closing): Promise<void> {
    const [hub, s3] = [await HubServer.start(bridge()), await S3Server.start(bridge())];
    file.teardown(() => Promise.all([hub, s3].map((server) => server[Symbol.asyncDispose]())));
    for (const token of Object.values(tokens)) hub.tokens.add(token);
    hub.writers.set(tokens.write, ['owner']);
    s3.keys.set('known', 'all');
    this.#hub = hub;
    this.#s3 = s3;
  }

  get hub(): HubServer {
    return started(this.#hub);
  }

  get s3(): S3Server {
    return started(this.#s3);
  }
}

function started<Server>(server: Server | undefined): Server {
  if (server === undefined) throw new Error('the servers are started first');
  return server;
}

export function jobOfPlaces(release: SharedRelease, places: PlacesElsewhere): void {
  test(
    'a job fetches from a hub and a bucket, publishes to both, and tells how far it is',
    release.turn((t, namespace) => fetchesAndPublishes(t, namespace, places)),
  );
}

async function fetchesAndPublishes(
  t: ExecutionContext,
  jobs: string,
  { hub, s3 }: PlacesElsewhere,
): Promise<void> {
  await using made = await temporaryFolder();
  const { file } = await writeToyJob(made.path, {
    ...{ name: 'toy', method: { preset: 'LoRA' }, formats: ['PEFTAdapter'] },
    ...{ training: { maxSteps: 4 }, worker: { devicesPerWorker: 0 } },
  });
  const access = { access: 'private', granted: [tokens.read] } as const;
  hub.add({ name: 'owner/toy', files: await filesOf(join(made.path, 'model')), ...access });
  s3.put('/data/train.jsonl', await readFile(join(made.path, 'data.jsonl')));
  // Status is written every ten seconds at most: fetch and upload last until they were seen there.
  const [fetch, upload] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const always = Number.POSITIVE_INFINITY;
  hub.faults.plan('model.safetensors', { type: 'Held', until: fetch.promise }, always);
  const weights = '/adapter/adapter_model.safetensors';
  s3.faults.plan(weights, { type: 'Status', status: 503 }, 2);
  s3.faults.plan(weights, { type: 'Delayed', until: upload.promise }, always);
  await aSharedFolder(jobs, 'work');
  await aSecret(jobs, 'hub-read', { token: tokens.read });
  await aSecret(jobs, 'hub-write', { token: tokens.write });
  const keys = { AWS_ACCESS_KEY_ID: 'known', AWS_SECRET_ACCESS_KEY: 'hidden' };
  await aSecret(jobs, 'bucket', keys);
  const bucket = (uri: string) => ({
    s3: { uri, endpoint: s3.endpoint, credentialsSecretRef: { name: 'bucket' } },
  });
  const secret = (name: string) => ({ tokenSecretRef: { name, key: 'token' } });
  const job = changed(parse(await readFile(file, 'utf8')), {
    'spec.model.source': { huggingFace: { repository: 'owner/toy', ...secret('hub-read') } },
    'spec.dataset.train': bucket('s3://data/train.jsonl'),
    'spec.storage': { data: { persistentVolumeClaim: { claimName: 'work' } } },
    'spec.output.destination': bucket('s3://results/toy'),
    // Large files of this hub are on another port than the hub, which no policy can know.
    'spec.network': { egressCIDRs: [`${bridge().address}/32`] },
    'spec.output.pushToHub': { repository: 'owner/tuned', ...secret('hub-write') },
  });
  const told = collectStages(t, jobs);
  await kubectl(['-n', jobs, 'apply', '-f', '-'], { input: stringify(job) });
  const isSeen = (what: string, is: (stage: Stage) => boolean) =>
    eventually(what, async () => told.seen().some(is), { withinMs: 300_000, everyMs: 250 });
  const isPart = ({ type, percent = 0 }: Stage) => type === 'Fetch' && percent > 0 && percent < 100;
  await isSeen('the share of the fetch is told', isPart).finally(fetch.resolve);
  const isUpload = ({ type, subject }: Stage) =>
    type === 'Upload' && subject === 's3://results/toy';
  await isSeen('the upload is told', isUpload).finally(upload.resolve);
  await untilComplete(t, jobs, 'toy');

  const report = runReport.parse(JSON.parse(String(s3.get('/results/toy/report.json'))));
  const commit = hub.find('model', 'owner/tuned')?.refs.get('main') ?? '';
  const uris = ['s3://results/toy/adapter', `hf://owner/tuned@${commit}`];
  t.deepEqual(report.artifacts[0]?.uris, uris);
  const { artifacts = [] } = await statusOf(jobs, 'toy');
  t.true(
    artifacts.some(({ uri }) => uris.includes(uri)),
    JSON.stringify(artifacts),
  );
  const adapter = s3.get('/results/toy/adapter/adapter_model.safetensors');
  t.true((adapter?.length ?? 0) > 0);
  t.is(hub.files('owner/tuned')['adapter_model.safetensors']?.compare(adapter!), 0);

  const stages = await told.end();
  t.log(JSON.stringify(stages));
  t.true(stages.filter(isPart).every(({ note }) => /MiB/.test(note ?? '')));
  const { progress } = (await statusOf(jobs, 'toy')) as FineTuneJobStatus;
  await eventually('nothing is at work at the end', async () => {
    const now = (await statusOf(jobs, 'toy')) as FineTuneJobStatus;
    return now.progress?.stage === undefined;
  });
  t.is(progress?.step, 4);
  const described = await kubectl(['-n', jobs, 'get', 'ftj,jobs,pods,configmaps', '-o', 'yaml']);
  const secrets = [...Object.values(tokens), 'hidden'];
  for (const value of secrets) t.false(described.stdout.includes(value), `${value} is nowhere`);
}

type Stage = NonNullable<NonNullable<FineTuneJobStatus['progress']>['stage']>;

/** Looks at the status all the time. */
function collectStages(t: ExecutionContext, namespace: string) {
  const seen = new Map<string, Stage>();
  let over = false;
  const look = async (): Promise<void> => {
    while (!over) {
      const found = await statusOf(namespace, 'toy').catch(() => undefined); // not applied yet
      const { stage } = (found as FineTuneJobStatus | undefined)?.progress ?? {};
      if (stage !== undefined) seen.set(JSON.stringify(stage), stage);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  };
  const looking = look();
  const end = async () => {
    over = true;
    await looking;
    return [...seen.values()];
  };
  t.teardown(end);
  return { seen: () => [...seen.values()], end };
}
