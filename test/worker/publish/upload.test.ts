import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { TelemetryBody } from '../../../crds/wire/telemetry.ts';
import {
  digestOfResult,
  type ResultFile,
  resultFile,
  resultFiles,
} from '../../../worker/publish/result-files.ts';
import { uploadArtifacts, uploadReport } from '../../../worker/publish/upload.ts';
import { uploadTargets } from '../../../worker/remote/upload-targets.ts';
import { aSpec } from '../../builders/job.ts';
import { HubServer } from '../../doubles/hub-server.ts';
import { S3Server } from '../../doubles/s3-server.ts';
import { temporaryFolder, testEnvironment, testNetwork } from '../../doubles/sources.ts';

const never = new AbortController().signal;

interface Made extends AsyncDisposable {
  readonly folder: string;
  readonly hub: HubServer;
  readonly s3: S3Server;
  readonly emitted: TelemetryBody[];
  /** Uploads artefacts of these names. */
  upload(
    folders: readonly string[],
    beside?: readonly ResultFile[],
  ): Promise<readonly (readonly string[])[]>;
  report(): Promise<void>;
}

async function made(): Promise<Made> {
  const root = await temporaryFolder();
  const [hub, s3] = [await HubServer.start(), await S3Server.start()];
  hub.tokens.add('t');
  hub.writers.set('t', ['owner']);
  const network = testNetwork();
  const emitted: TelemetryBody[] = [];
  const tools = {
    network,
    clock: network.clock,
    emit: (body: TelemetryBody) => emitted.push(body),
  };
  const spec = aSpec({
    'output.destination': { s3: { uri: 's3://out/first', endpoint: s3.endpoint } },
    'output.pushToHub': { repository: 'owner/first' },
  });
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
  const targets = uploadTargets(
    spec,
    testEnvironment(root.path, {
      hubEndpoint: hub.endpoint,
      hubToken: { value: 't', name: 'HF_TOKEN' },
      bucketCredentials: { value: credentials, name: 'the keys' },
    }),
  );
  return {
    ...{ folder: root.path, hub, s3, emitted },
    async upload(folders, beside = []) {
      const artifacts = [];
      for (const folder of folders) {
        await mkdir(join(root.path, folder), { recursive: true });
        await writeFile(join(root.path, folder, 'README.md'), `card of ${folder}`);
        await writeFile(join(root.path, folder, 'x.safetensors'), folder);
        artifacts.push({ folder, files: await resultFiles(join(root.path, folder), never) });
      }
      const words = {
        title: 'Add the result of first',
        card: 'card',
        runFolder: root.path,
        beside,
      };
      return uploadArtifacts(targets, artifacts, words, tools, never);
    },
    async report() {
      await writeFile(join(root.path, 'report.json'), '{}');
      await uploadReport(targets, root.path, tools, never);
    },
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]();
      await s3[Symbol.asyncDispose]();
      await root[Symbol.asyncDispose]();
    },
  };
}

test('one artefact lies at the root of the repository, and in its folder of the bucket', async (t) => {
  await using all = await made();
  const uris = await all.upload(['adapter']);
  const [[bucket, repository] = []] = uris;
  t.is(bucket, 's3://out/first/adapter');
  t.regex(repository ?? '', /^hf:\/\/owner\/first@[0-9a-f]{40}$/);
  const found = all.hub.files('owner/first');
  t.is(found['README.md']?.toString(), 'card of adapter');
  t.is(found['x.safetensors']?.toString(), 'adapter');
  t.is(all.s3.get('/out/first/adapter/x.safetensors')?.toString(), 'adapter');
});

test('several lie in folders of the repository, in one commit, under a card of their own', async (t) => {
  await using all = await made();
  const uris = await all.upload(['adapter', 'merged']);
  t.regex(uris[1]?.[1] ?? '', /^hf:\/\/owner\/first@[0-9a-f]{40}\/merged$/);
  t.is(new Set(uris.flat()).size, 4);
  const { '.gitattributes': _, ...found } = all.hub.files('owner/first');
  t.deepEqual(Object.keys(found).sort(), [
    'README.md',
    'adapter/README.md',
    'adapter/x.safetensors',
    'merged/README.md',
    'merged/x.safetensors',
  ]);
  t.is(found['README.md']?.toString(), 'card');
  t.is(all.hub.writes.titles.length, 1);
});

test('event files come along with one artefact and with several, and are no artefact', async (t) => {
  await using all = await made();
  const path = join(all.folder, 'events.out.tfevents.1');
  await writeFile(path, 'events');
  const beside = [await resultFile('tensorboard/events.out.tfevents.1', path, never)];
  for (const folders of [['adapter'], ['adapter', 'merged']]) {
    const uris = await all.upload(folders, beside);
    t.is(uris.length, folders.length);
    const found = all.hub.files('owner/first');
    t.is(found['tensorboard/events.out.tfevents.1']?.toString(), 'events');
    const key = '/out/first/tensorboard/events.out.tfevents.1';
    t.is(all.s3.get(key)?.toString(), 'events');
  }
});

test('the report comes last into the bucket, and not onto the hub', async (t) => {
  await using all = await made();
  await all.upload(['adapter']);
  t.is(all.s3.get('/out/first/report.json'), undefined);
  await all.report();
  t.is(all.s3.get('/out/first/report.json')?.toString(), '{}');
  const puts = all.s3.requests.filter(({ method }) => method === 'PUT');
  t.is(puts.at(-1)?.url.split('?')[0], '/out/first/report.json');
  t.false('report.json' in all.hub.files('owner/first'));
});

test('each place is told of from its first byte to its last', async (t) => {
  await using all = await made();
  await all.upload(['adapter']);
  const stages = all.emitted.map((message) =>
    message.type === 'stage' && message.state !== 'Running'
      ? `${message.stage} ${message.state} ${message.subject} ${message.done}/${message.total}`
      : '',
  );
  const bytes = 'card of adapter'.length + 'adapter'.length;
  t.deepEqual(
    stages.filter((each) => each !== ''),
    [
      `Upload Started s3://out/first 0/${bytes}`,
      `Upload Done s3://out/first ${bytes}/${bytes}`,
      `Upload Started owner/first 0/${bytes}`,
      `Upload Done owner/first ${bytes}/${bytes}`,
    ],
  );
});

test('the digest of a result is of names and contents, wherever it lies', async (t) => {
  await using all = await made();
  await all.upload(['adapter']);
  const files = await resultFiles(join(all.folder, 'adapter'), never);
  const digest = digestOfResult(files);
  t.regex(digest, /^sha256:[0-9a-f]{64}$/);
  await using other = await temporaryFolder();
  await writeFile(join(other.path, 'README.md'), 'card of adapter');
  await writeFile(join(other.path, 'x.safetensors'), 'adapter');
  t.is(digestOfResult(await resultFiles(other.path, never)), digest);
  await writeFile(join(other.path, 'x.safetensors'), 'adaptes');
  t.not(digestOfResult(await resultFiles(other.path, never)), digest);
});
