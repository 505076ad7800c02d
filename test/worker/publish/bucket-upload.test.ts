import test from 'ava';
import { uploadToBucket } from '../../../worker/publish/bucket-upload.ts';
import { listBucket } from '../../../worker/remote/bucket.ts';
import type { Bucket } from '../../../worker/remote/bucket-client.ts';
import { filesIn } from '../../builders/result-files.ts';
import { S3Server } from '../../doubles/s3-server.ts';
import { someBytes, temporaryFolder, testNetwork } from '../../doubles/sources.ts';

const never = new AbortController().signal;
const mebibyte = 1 << 20;

function bucketOf(server: S3Server, facts: Partial<Bucket> = {}): Bucket {
  return {
    uri: 's3://results/first',
    endpoint: server.endpoint,
    credentials: { accessKeyId: 'known', secretAccessKey: 'hidden' },
    credentialsName: 'the keys of Secret bucket',
    field: 'spec.output.destination.s3',
    access: 'Write',
    ...facts,
  };
}

const nothing = () => {};
const writes = (server: S3Server) =>
  server.requests.filter(({ method }) => method === 'PUT' || method === 'POST');

test('files lie below the prefix with their bytes, in the order that was asked, an empty one too', async (t) => {
  await using server = await S3Server.start();
  await using folder = await temporaryFolder();
  const large = someBytes(19 * mebibyte);
  const files = await filesIn(folder.path, {
    'adapter/x.bin': large,
    'adapter/empty': '',
    z: '{}',
  });
  await uploadToBucket(bucketOf(server), files, testNetwork(), nothing, never);
  t.true(server.get('/results/first/adapter/x.bin')?.equals(large));
  t.is(server.get('/results/first/adapter/empty')?.length, 0);
  t.is(server.get('/results/first/z')?.toString(), '{}');
  t.is(writes(server).at(-1)?.url.split('?')[0], '/results/first/z');
  t.deepEqual(server.uploads.left, []);
});

test('what is there already with the same checksum is not sent again, what differs is', async (t) => {
  await using server = await S3Server.start();
  await using folder = await temporaryFolder();
  const contents = { large: someBytes(17 * mebibyte), small: 'small', other: 'first' };
  const before = await filesIn(folder.path, contents);
  await uploadToBucket(bucketOf(server), before, testNetwork(), nothing, never);
  const sent = writes(server).length;
  const after = await filesIn(folder.path, { ...contents, other: 'other' });
  await uploadToBucket(bucketOf(server), after, testNetwork(), nothing, never);
  t.deepEqual(
    writes(server)
      .slice(sent)
      .map(({ url }) => url.split('?')[0]),
    ['/results/first/other'],
  );
  t.is(server.get('/results/first/other')?.toString(), 'other');
});

test('a part that was cut off or refused for a moment is sent again, the others are not', async (t) => {
  await using server = await S3Server.start();
  await using folder = await temporaryFolder();
  const large = someBytes(24 * mebibyte);
  const files = await filesIn(folder.path, { large });
  server.faults.plan('/large/part-2', { type: 'CutBody', afterBytes: 3 * mebibyte });
  const network = testNetwork({ connections: 1 });
  const bucket = bucketOf(server);
  await uploadToBucket(bucket, files, network, nothing, never);
  t.true(server.get('/results/first/large')?.equals(large));
  const parts = writes(server).filter(({ url }) => url.includes('partNumber'));
  t.is(parts.length, 4);
  // The next request may meet the broken connection too, and waits then.
  t.true(network.waits.length >= 1);
});

test('an answer that is lost after the upload is complete does not lead to a second one', async (t) => {
  await using server = await S3Server.start();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, { large: someBytes(9 * mebibyte), small: 'small' });
  server.faults.plan('/small', { type: 'LoseAnswer' });
  server.faults.plan('/large/complete', { type: 'LoseAnswer' });
  const network = testNetwork();
  await uploadToBucket(bucketOf(server), files, network, nothing, never);
  t.is(server.get('/results/first/small')?.toString(), 'small');
  t.deepEqual(server.uploads.left, []);
  const parts = writes(server).filter(({ url }) => url.includes('partNumber'));
  t.is(parts.length, 2);
});

test('a stop in the middle ends the upload, and leaves no parts behind', async (t) => {
  await using server = await S3Server.start();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, { large: someBytes(40 * mebibyte), last: 'last' });
  const stop = new AbortController();
  const onProgress = () => stop.abort();
  const upload = uploadToBucket(bucketOf(server), files, testNetwork(), onProgress, stop.signal);
  await t.throwsAsync(upload, { name: 'AbortError' });
  t.is(server.get('/results/first/large'), undefined);
  t.is(server.get('/results/first/last'), undefined);
  t.deepEqual(server.uploads.left, []);
});

test('parts that a killed upload of the same object left are removed, those of others are not', async (t) => {
  await using server = await S3Server.start();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, { large: someBytes(9 * mebibyte) });
  for (const key of ['large', 'large', 'large-2']) server.uploads.create(`/results/first/${key}`);
  await uploadToBucket(bucketOf(server), files, testNetwork(), nothing, never);
  t.deepEqual(server.uploads.left, ['/results/first/large-2']);
  t.is(server.get('/results/first/large')?.length, 9 * mebibyte);
});

test('a service that stays busy is given up after the budget, and no parts are left', async (t) => {
  await using server = await S3Server.start();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, { large: someBytes(9 * mebibyte) });
  const network = testNetwork();
  server.faults.plan('/large', { type: 'Status', status: 503 }, 30);
  const small = { ...network, policy: { firstMs: 1, longestMs: 1, budgetMs: 10 } };
  const error = await t.throwsAsync(uploadToBucket(bucketOf(server), files, small, nothing, never));
  t.regex(error.message, /^s3:\/\/results\/first cannot be reached \(503\)$/);
  t.deepEqual(server.uploads.left, []);
});

test('progress grows to the size of the file', async (t) => {
  await using server = await S3Server.start();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, { large: someBytes(17 * mebibyte) });
  const seen: number[] = [];
  const note = (_key: string, sent: number) => void seen.push(sent);
  await uploadToBucket(bucketOf(server), files, testNetwork(), note, never);
  t.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
  );
  t.is(seen.at(-1), 17 * mebibyte);
  t.true(seen.length >= 3);
});

test('keys that may only write are enough', async (t) => {
  await using server = await S3Server.start();
  await using folder = await temporaryFolder();
  server.keys.set('known', 'write');
  const files = await filesIn(folder.path, { small: 'small' });
  await uploadToBucket(bucketOf(server), files, testNetwork(), nothing, never);
  t.is(server.get('/results/first/small')?.toString(), 'small');
});

const refusal = test.macro({
  title: (given = '') => given,
  async exec(t, facts: { key: string; bucket?: string; code: string; message: RegExp }) {
    await using server = await S3Server.start();
    await using folder = await temporaryFolder();
    server.keys.set('known', 'all').set('weak', 'nothing');
    server.buckets.add('results');
    const files = await filesIn(folder.path, { small: 'small' });
    const bucket = bucketOf(server, {
      uri: `s3://${facts.bucket ?? 'results'}/first`,
      credentials: { accessKeyId: facts.key, secretAccessKey: 'hidden' },
    });
    const network = testNetwork();
    const error = await t.throwsAsync(uploadToBucket(bucket, files, network, nothing, never));
    t.is(Reflect.get(error, 'code'), facts.code);
    t.regex(error.message, facts.message);
    t.deepEqual(network.waits, []);
    t.false(`${error.message} ${Reflect.get(error, 'hint')}`.includes('hidden'));
  },
});

test('a bucket that does not exist is named', refusal, {
  key: 'known',
  bucket: 'reslts',
  code: 'E_PUBLISH_FAILED',
  message: /^s3:\/\/reslts\/first does not exist$/,
});
test('unknown keys are named by their Secret', refusal, {
  key: 'unknown',
  code: 'E_HUB_UNAUTHORIZED',
  message: /^the keys of Secret bucket are not accepted for s3:\/\/results\/first/,
});
test('keys without the right to write are told so', refusal, {
  key: 'weak',
  code: 'E_HUB_FORBIDDEN',
  message: /^the keys of Secret bucket may not write to s3:\/\/results\/first$/,
});

test('what was uploaded is found by our own reader, with a digest over its parts', async (t) => {
  await using server = await S3Server.start();
  await using folder = await temporaryFolder();
  const files = await filesIn(folder.path, { large: someBytes(17 * mebibyte) });
  await uploadToBucket(bucketOf(server), files, testNetwork(), nothing, never);
  const listing = await listBucket(bucketOf(server), testNetwork(), never);
  const digest = await listing.files[0]?.digest(never);
  t.is(digest?.type, 'sha256OfParts');
});
