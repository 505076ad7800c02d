import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { TerminalError, UserError } from '../../../crds/failures/errors.ts';
import { resolveData, resolveModel } from '../../../worker/prepare/resolve-source.ts';
import { HubServer } from '../../doubles/hub-server.ts';
import { S3Server } from '../../doubles/s3-server.ts';
import { someBytes, temporaryFolder, testEnvironment } from '../../doubles/sources.ts';

const never = new AbortController().signal;
const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');

const weights = someBytes(100_000);
const files = {
  'config.json': '{"model_type":"llama"}',
  'model.safetensors': weights,
  'tokenizer.json': '{}',
  'modeling.py': 'import os',
};
const lines = ['config.json', 'model.safetensors', 'tokenizer.json'].map(
  (path) => `${sha256(files[path as 'config.json'])} ${path}\n`,
);
const digest = `sha256:${sha256(lines.join(''))}` as const;
const fromHub = { source: { huggingFace: { repository: 'owner/model', revision: 'main' } } };

test('A model has the same digest in a hub, a bucket, a volume and a folder', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  await using server = await S3Server.start();
  hub.add({ name: 'owner/model', files });
  const volume = join(cache.path, 'volumes', 'demo', 'model');
  await mkdir(volume, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    server.put(`/models/tiny/${path}`, content);
    await writeFile(join(volume, path), content);
  }
  const keys = { accessKeyId: 'a', secretAccessKey: 'b' };
  const environment = testEnvironment(cache.path, {
    hubEndpoint: hub.endpoint,
    bucketCredentials: { value: keys, name: 'keys' },
  });
  const sources = [
    fromHub.source,
    { s3: { uri: 's3://models/tiny', endpoint: server.endpoint } },
    { persistentVolumeClaim: { claimName: 'demo', path: 'model' } },
    { local: { path: 'volumes/demo/model' } },
    { local: { path: volume } },
  ];
  for (const source of sources) {
    const resolved = await resolveModel({ source }, environment, never);
    t.is(resolved.digest, digest);
    t.deepEqual(
      resolved.files.map(({ path }) => path),
      ['config.json', 'model.safetensors', 'tokenizer.json'],
    );
    t.true(weights.equals(await readFile(join(resolved.root, 'model.safetensors'))));
    t.true(weights.equals(await readFile(resolved.files[1]!.absolute)));
  }
});

test('The digest of one file is that of its content', async (t) => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'data.jsonl'), '{}\n');
  const environment = testEnvironment(folder.path, {});
  const source = { local: { path: 'data.jsonl' } };
  const resolved = await resolveData(source, 'spec.dataset.train', environment, never);
  t.is(resolved.digest, `sha256:${sha256('{}\n')}`);
  t.is(resolved.files[0]?.absolute, join(folder.path, 'data.jsonl'));
});

test('A second run asks the hub for nothing but the commit, and offline not even for that', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const commit = hub.add({ name: 'owner/model', files });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const first = await resolveModel(fromHub, environment, never);
  t.is(first.version, commit);
  t.is(first.origin, `owner/model at ${commit.slice(0, 8)}`);
  const asked = hub.requests.length;
  t.deepEqual(await resolveModel(fromHub, environment, never), first);
  t.deepEqual(
    hub.requests.slice(asked).map(({ url }) => url),
    ['/api/models/owner/model/revision/main'],
  );
  const { length } = hub.requests;
  const offline = { ...environment, offline: true };
  t.deepEqual(await resolveModel(fromHub, offline, never), first);
  const huggingFace = { repository: 'owner/model', revision: commit };
  t.deepEqual(await resolveModel({ source: { huggingFace } }, environment, never), first);
  t.is(hub.requests.length, length);
});

test('Offline without the model in the cache says what to do', async (t) => {
  await using cache = await temporaryFolder();
  const environment = testEnvironment(cache.path, { offline: true });
  const error = await t.throwsAsync(resolveModel(fromHub, environment, never), {
    instanceOf: UserError,
  });
  t.is(error.message, 'owner/model at main is not in the cache, and this run is offline');
});

test('A push is seen by the next run and fetches what it changed', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  hub.add({ name: 'owner/model', files });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const first = await resolveModel(fromHub, environment, never);
  hub.add({ name: 'owner/model', files: { ...files, 'config.json': '{"a":1}' } });
  const second = await resolveModel(fromHub, environment, never);
  t.not(second.digest, first.digest);
  t.is(hub.served('model.safetensors'), weights.length);
  t.is(await readFile(join(first.root, 'config.json'), 'utf8'), files['config.json']);
});

test('A digest that the job states is checked', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  hub.add({ name: 'owner/model', files });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  await t.notThrowsAsync(resolveModel({ ...fromHub, digest }, environment, never));
  const other = `sha256:${'0'.repeat(64)}`;
  const error = await t.throwsAsync(
    resolveModel({ ...fromHub, digest: other }, environment, never),
    {
      instanceOf: TerminalError,
    },
  );
  t.is(error.code, 'E_DIGEST_MISMATCH');
});

test('A file that changes where it lies has another digest, though its size stays', async (t) => {
  await using folder = await temporaryFolder();
  const environment = testEnvironment(folder.path, {});
  const source = { local: { path: 'data.txt' } };
  const digestOf = async () =>
    (await resolveData(source, 'spec.dataset.train', environment, never)).digest;
  await writeFile(join(folder.path, 'data.txt'), 'one');
  t.is(await digestOf(), `sha256:${sha256('one')}`);
  await writeFile(join(folder.path, 'data.txt'), 'two');
  t.is(await digestOf(), `sha256:${sha256('two')}`);
});

test('A Secret gives the token of its key, and a local run uses its own in its place', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  hub.tokens.add('hf_secret').add('hf_own');
  hub.add({ name: 'owner/model', files, access: 'gated', granted: ['hf_secret', 'hf_own'] });
  const tokenSecretRef = { name: 'hub', key: 'token' };
  const huggingFace = { repository: 'owner/model', revision: 'main', tokenSecretRef };
  const model = { source: { huggingFace } };
  const hubEndpoint = hub.endpoint;
  const secret = (name: string, key: string) =>
    name === 'hub' && key === 'token' ? 'hf_secret' : undefined;
  const inPod = testEnvironment(cache.path, { hubEndpoint, secret });
  await t.notThrowsAsync(resolveModel(model, inPod, never));
  t.is(hub.requests[0]?.authorization, 'Bearer hf_secret');
  const hubToken = { value: 'hf_own', name: 'HF_TOKEN' };
  await resolveModel(model, testEnvironment(cache.path, { hubEndpoint, hubToken }), never);
  t.is(hub.requests.at(-1)?.authorization, 'Bearer hf_own');
  const without = testEnvironment(cache.path, { hubEndpoint });
  const error = await t.throwsAsync(resolveModel(model, without, never), { instanceOf: UserError });
  t.is(error.code, 'E_REFERENCE_NOT_FOUND');
  t.is(error.path, 'spec.model.source.huggingFace.tokenSecretRef');
});

test('A path that does not exist is named with its field', async (t) => {
  await using folder = await temporaryFolder();
  const environment = testEnvironment(folder.path, {});
  const source = { persistentVolumeClaim: { claimName: 'demo', path: 'model' } };
  const error = await t.throwsAsync(resolveModel({ source }, environment, never), {
    instanceOf: UserError,
  });
  t.is(error.message, `${join(folder.path, 'volumes/demo/model')} does not exist`);
  t.is(error.path, 'spec.model.source.persistentVolumeClaim');
  t.regex(error.hint, /^npm start fills the claim demo; --volume demo=FOLDER names/);
});
