// The real command on jobs whose result goes to a bucket and to a hub: what lies there, who can
// read it, and what happens when the place is away for a moment, or refuses.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type RunReport, runReport } from '../../crds/wire/run-report.ts';
import { resolveModel } from '../../worker/prepare/resolve-source.ts';
import { digestOfResult, resultFiles } from '../../worker/publish/result-files.ts';
import { aSpec } from '../builders/job.ts';
import { HubServer } from '../doubles/hub-server.ts';
import { S3Server } from '../doubles/s3-server.ts';
import { testEnvironment } from '../doubles/sources.ts';
import { writeToyJob } from '../toy/toy-job.ts';
import { type RunLine, startAnneal } from './anneal-process.ts';

const never = new AbortController().signal;
const token = 'write-token';

const toy = {
  name: 'uploaded',
  method: {
    preset: 'LoRA',
    precision: { type: 'Float32' },
    adapter: { type: 'LoRA', lora: { rank: 4 } },
  },
  training: { maxSteps: 2 },
} as const;

interface Site extends AsyncDisposable {
  readonly hub: HubServer;
  readonly s3: S3Server;
  readonly folder: string;
  /** `anneal run` on a job with this output; returns what it said. */
  run(output: object, formats: readonly string[]): Promise<readonly RunLine[]>;
}

async function site(t: ExecutionContext): Promise<Site> {
  t.timeout(300_000);
  const [hub, s3] = [await HubServer.start(), await S3Server.start()];
  hub.tokens.add(token);
  hub.writers.set(token, ['owner']);
  s3.keys.set('known', 'all');
  const folder = await mkdtemp(join(tmpdir(), 'anneal-upload-'));
  const variables = {
    ...{ HF_ENDPOINT: hub.endpoint, HF_TOKEN: token },
    ...{ AWS_ACCESS_KEY_ID: 'known', AWS_SECRET_ACCESS_KEY: 'hidden' },
  };
  return {
    ...{ hub, s3, folder },
    async run(output, formats) {
      const { file } = await writeToyJob(folder, { ...toy, formats, output: { ...output } });
      const lines: RunLine[] = [];
      const note = (line: RunLine) => void lines.push(line);
      const { code, stderr } = await startAnneal(file, join(folder, 'cache'), note, [], variables)
        .ended;
      t.is(code, 0, stderr);
      t.false(JSON.stringify(lines).includes('hidden') || JSON.stringify(lines).includes(token));
      return lines;
    },
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]();
      await s3[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

test('a result is in the bucket and on the hub, also when either is away for a moment', async (t) => {
  await using all = await site(t);
  const { hub, s3 } = all;
  s3.faults.plan('/uploaded/adapter/README.md', { type: 'Status', status: 503 });
  hub.faults.plan('/commit/main', { type: 'LoseAnswer' });
  const lines = await all.run(
    {
      destination: { s3: { uri: 's3://results/uploaded', endpoint: s3.endpoint } },
      pushToHub: { repository: 'owner/uploaded' },
    },
    ['PEFTAdapter', 'MergedSafetensors'],
  );
  const report = runReport.parse(JSON.parse(String(s3.get('/results/uploaded/report.json'))));
  const commit = hub.find('model', 'owner/uploaded')?.refs.get('main') ?? '';
  t.deepEqual(
    report.artifacts.map(({ uris }) => uris),
    [
      ['s3://results/uploaded/adapter', `hf://owner/uploaded@${commit}/adapter`],
      ['s3://results/uploaded/merged', `hf://owner/uploaded@${commit}/merged`],
    ],
  );
  t.deepEqual(hub.writes.titles, ['Add the result of uploaded']);
  const stages = lines.flatMap((line) =>
    line.type === 'stage' && line.stage === 'Upload' && line.state === 'Done' ? [line.subject] : [],
  );
  t.deepEqual(stages, ['s3://results/uploaded', 'owner/uploaded']);
  await everyFileIsThere(t, report, s3, hub);
});

test('a result on the hub alone is read by our own downloader, with the same digests', async (t) => {
  await using all = await site(t);
  const push = { destination: undefined, pushToHub: { repository: 'owner/uploaded' } };
  await all.run(push, ['MergedSafetensors']);
  const environment = testEnvironment(join(all.folder, 'other'), {
    hubEndpoint: all.hub.endpoint,
    hubToken: { value: token, name: 'HF_TOKEN' },
  });
  const { model } = aSpec({ 'model.source': { huggingFace: { repository: 'owner/uploaded' } } });
  const fetched = await resolveModel(model, environment, never);
  const commit = all.hub.find('model', 'owner/uploaded')?.refs.get('main');
  t.is(fetched.version, commit ?? '');
  t.true(fetched.files.length >= 3);
  const [run] = await readdir(join(all.folder, 'cache/runs'), { recursive: true }).then((names) =>
    names.filter((name) => name.endsWith('artifacts/merged')),
  );
  const here = await resultFiles(join(all.folder, 'cache/runs', run ?? ''), never);
  const known = new Map(here.map(({ path, sha256 }) => [path, sha256]));
  for (const { path, sha256 } of fetched.files) t.is(sha256, known.get(path) ?? '', path);
});

async function everyFileIsThere(
  t: ExecutionContext,
  report: RunReport,
  s3: S3Server,
  hub: HubServer,
): Promise<void> {
  const found = hub.files('owner/uploaded');
  for (const { path, digest } of report.artifacts) {
    const files = await resultFiles(path, never);
    t.is(digest, digestOfResult(files));
    for (const file of files) {
      const name = `${path.split('/').at(-1)}/${file.path}`;
      const bytes = await readFile(file.absolute);
      t.is(s3.get(`/results/uploaded/${name}`)?.compare(bytes), 0, name);
      t.is(found[name]?.compare(bytes), 0, name);
    }
  }
}
