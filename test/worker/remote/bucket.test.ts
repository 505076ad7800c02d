import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { TerminalError, UserError } from '../../../crds/failures/errors.ts';
import { fetchFiles } from '../../../worker/prepare/fetch.ts';
import { listBucket } from '../../../worker/remote/bucket.ts';
import type { Bucket } from '../../../worker/remote/bucket-client.ts';
import { readAll } from '../../../worker/remote/source-files.ts';
import { S3Server } from '../../doubles/s3-server.ts';
import { someBytes, temporaryFolder, testEnvironment, testNetwork } from '../../doubles/sources.ts';

const never = new AbortController().signal;
const mebibyte = 1 << 20;

function bucketOf(server: S3Server, uri: string, facts: Partial<Bucket> = {}): Bucket {
  return {
    uri,
    endpoint: server.endpoint,
    credentials: { accessKeyId: 'known', secretAccessKey: 'hidden' },
    credentialsName: 'the keys of Secret bucket',
    field: 'spec.model.source.s3',
    ...facts,
  };
}

test('A prefix means what lies below it, over all pages, not its neighbours', async (t) => {
  await using server = await S3Server.start();
  server.pageSize = 2;
  for (const key of ['model/a.json', 'model/b/c.json', 'model/b/', 'model-old/a.json', 'model/d']) {
    server.put(`/data/${key}`, key);
  }
  const { files } = await listBucket(bucketOf(server, 's3://data/model'), testNetwork(), never);
  t.deepEqual(
    files.map(({ path, bytes }) => [path, bytes]),
    [
      ['a.json', 12],
      ['b/c.json', 14],
      ['d', 7],
    ],
  );
});

test('A uri may name one object', async (t) => {
  await using server = await S3Server.start();
  server.put('/data/sets/train.jsonl', '{}');
  const uri = 's3://data/sets/train.jsonl';
  const { files } = await listBucket(bucketOf(server, uri), testNetwork(), never);
  t.deepEqual(
    files.map(({ path }) => path),
    ['train.jsonl'],
  );
});

test('A download goes on where it was cut and ends verified', async (t) => {
  await using server = await S3Server.start();
  await using cache = await temporaryFolder();
  const weights = someBytes(3 * mebibyte);
  server.put('/data/m/model.safetensors', weights);
  server.faults.plan('/m/model.safetensors', { type: 'Status', status: 503 });
  server.faults.plan('/m/model.safetensors', { type: 'Cut', afterBytes: mebibyte + 5 });
  const environment = testEnvironment(cache.path, {});
  const bucket = bucketOf(server, 's3://data/m');
  const { files, version } = await listBucket(bucket, environment.network, never);
  const target = { store: join(cache.path, 's3'), version };
  const folder = await fetchFiles(files, target, environment, never);
  t.true(weights.equals(await readFile(join(folder, 'model.safetensors'))));
  const ranges = server.requests.filter(({ range }) => range !== undefined);
  t.is(ranges.at(-1)?.range, `bytes=${mebibyte + 5}-${weights.length - 1}`);
  t.is(environment.network.waits.length, 2);
});

for (const checksum of [true, false]) {
  test(`Wrong bytes are found by the ${checksum ? 'SHA-256' : 'MD5 of the ETag'}`, async (t) => {
    await using server = await S3Server.start();
    await using cache = await temporaryFolder();
    server.put('/data/m/a.json', 'content', { checksum });
    server.faults.plan('/a.json', { type: 'Corrupt' }, 2);
    const environment = testEnvironment(cache.path, {});
    const bucket = bucketOf(server, 's3://data/m');
    const { files, version } = await listBucket(bucket, environment.network, never);
    const target = { store: cache.path, version };
    const error = await t.throwsAsync(fetchFiles(files, target, environment, never), {
      instanceOf: TerminalError,
    });
    t.is(error.code, 'E_DIGEST_MISMATCH');
    t.regex(error.message, checksum ? /sha256/ : /md5/);
  });
}

test('An object that is replaced while it is read is not mixed from two contents', async (t) => {
  await using server = await S3Server.start();
  server.put('/data/m/a.json', 'first');
  const bucket = bucketOf(server, 's3://data/m');
  const { files } = await listBucket(bucket, testNetwork(), never);
  t.is((await readAll(await files[0]!.read(0, 2, never))).toString(), 'fi');
  server.put('/data/m/a.json', 'other');
  const error = await t.throwsAsync(files[0]!.read(2, 5, never));
  t.regex(error.message, /^s3:\/\/data\/m was changed while it was read$/);
});

const refusal = test.macro({
  title: (given = '') => given,
  async exec(t, facts: { readonly uri: string; key: string; code: string; message: RegExp }) {
    await using server = await S3Server.start();
    server.put('/data/m/a.json', 'content');
    server.keys.set('known', 'all').set('weak', 'nothing');
    const credentials = { accessKeyId: facts.key, secretAccessKey: 'hidden' };
    const network = testNetwork();
    const error = await t.throwsAsync(
      listBucket(bucketOf(server, facts.uri, { credentials }), network, never),
      { instanceOf: UserError },
    );
    t.is(error.code as string, facts.code);
    t.regex(error.message, facts.message);
    t.deepEqual(network.waits, []);
    t.false(`${error.message} ${error.hint}`.includes('hidden'));
  },
});

test('A bucket that does not exist is named', refusal, {
  uri: 's3://dta/m',
  key: 'known',
  code: 'E_SOURCE_NOT_FOUND',
  message: /^s3:\/\/dta\/m does not exist$/,
});
test('A prefix without objects is named', refusal, {
  uri: 's3://data/n',
  key: 'known',
  code: 'E_SOURCE_NOT_FOUND',
  message: /^s3:\/\/data\/n has no objects$/,
});
test('Unknown keys are named by their Secret', refusal, {
  uri: 's3://data/m',
  key: 'unknown',
  code: 'E_HUB_UNAUTHORIZED',
  message: /^the keys of Secret bucket are not accepted for s3:\/\/data\/m/,
});
test('Keys without the right are told from unknown ones', refusal, {
  uri: 's3://data/m',
  key: 'weak',
  code: 'E_HUB_FORBIDDEN',
  message: /^the keys of Secret bucket may not read s3:\/\/data\/m$/,
});

test('A service that does not answer is tried until the budget is used up, then named', async (t) => {
  const network = testNetwork();
  const bucket: Bucket = {
    uri: 's3://data/m',
    endpoint: 'http://127.0.0.1:9',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  };
  const error = await t.throwsAsync(listBucket(bucket, network, never));
  t.regex(error.message, /^s3:\/\/data\/m cannot be reached \(ECONNREFUSED\)$/);
  t.true(network.waits.reduce((sum, ms) => sum + ms, 0) <= network.policy.budgetMs);
  t.true(network.waits.length > 10);
});

test('The SDK writes to the double in one piece and in parts', async (t) => {
  await using server = await S3Server.start();
  const { S3Client, PutObjectCommand } = await import('@aws-sdk/client-s3');
  const { Upload } = await import('@aws-sdk/lib-storage');
  const client = new S3Client({
    endpoint: server.endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  await client.send(new PutObjectCommand({ Bucket: 'b', Key: 'small', Body: 'text' }));
  t.is(server.get('/b/small')?.toString(), 'text');
  const large = someBytes(11 * mebibyte);
  await new Upload({ client, params: { Bucket: 'b', Key: 'large', Body: large } }).done();
  t.true(large.equals(server.get('/b/large')!));
});
