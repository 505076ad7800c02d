// Adapters that are fetched from buckets: once, beside what else is done, and again where it
// failed.
import test, { type ExecutionContext } from 'ava';
import { BucketAdapters } from '../../../worker/serve/bucket-adapters.ts';
import { S3Server } from '../../doubles/s3-server.ts';
import { temporaryFolder, testEnvironment } from '../../doubles/sources.ts';

async function aBucket(t: ExecutionContext) {
  const s3 = await S3Server.start();
  const folder = await temporaryFolder();
  t.teardown(async () => {
    await s3[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });
  s3.keys.set('known', 'all');
  const keys: Readonly<Record<string, string>> = {
    AWS_ACCESS_KEY_ID: 'known',
    AWS_SECRET_ACCESS_KEY: 'hidden',
  };
  let nowMs = 0;
  const adapters = new BucketAdapters({
    environment: async () =>
      testEnvironment(folder.path, {
        secret: (name, key) => (name === 'ours' ? keys[key] : undefined),
      }),
    ...{ now: () => nowMs, stop: new AbortController().signal },
  });
  const put = (name: string, content: string) => {
    s3.put(`/results/${name}/adapter_config.json`, '{}');
    s3.put(`/results/${name}/adapter_model.safetensors`, content);
    s3.put(`/results/${name}/README.md`, 'about');
  };
  const place = (name: string, secret = 'ours') => ({
    ...{ uri: `s3://results/${name}`, endpoint: s3.endpoint },
    credentialsSecretRef: { name: secret },
  });
  return {
    ...{ s3, put, place },
    pass(ms: number) {
      nowMs += ms;
    },
    async fetched(name: string, secret?: string) {
      adapters.at(name, place(name, secret));
      await adapters.settled();
      return adapters.at(name, place(name, secret));
    },
    at: (name: string) => adapters.at(name, place(name)),
  };
}

test('both files of an adapter are fetched once, with the keys of its Secret', async (t) => {
  const { s3, put, fetched, at } = await aBucket(t);
  put('one', 'factors');
  t.is(at('one'), undefined, 'it is on its way');
  t.is((await fetched('one'))?.type, 'Here');
  const asked = s3.requests.length;
  t.is((await fetched('one'))?.type, 'Here');
  t.is(s3.requests.length, asked);
  t.is(s3.served('/results/one/README.md'), 0);
});

test('what cannot be fetched is said, and tried again after a minute', async (t) => {
  const { put, fetched, at, pass } = await aBucket(t);
  const missing = await fetched('two');
  t.regex(missing?.type === 'Failed' ? missing.reason : '', /s3:\/\/results\/two/);
  put('two', 'factors');
  t.is((await fetched('two'))?.type, 'Failed', 'not at once');
  pass(60_000);
  at('two');
  t.is((await fetched('two'))?.type, 'Here');
});

test('half an adapter and keys that are not here are refused with a sentence', async (t) => {
  const { s3, put, fetched } = await aBucket(t);
  s3.put('/results/half/adapter_config.json', '{}');
  const half = await fetched('half');
  t.regex(
    half?.type === 'Failed' ? half.reason : '',
    /does not have adapter_model\.safetensors; an adapter has adapter_config\.json and /,
  );
  put('secret', 'factors');
  const secret = await fetched('secret', 'theirs');
  t.regex(secret?.type === 'Failed' ? secret.reason : '', /names Secret theirs, whose keys/);
});
