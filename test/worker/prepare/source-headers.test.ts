import test from 'ava';
import { UserError } from '../../../crds/errors.ts';
import { readModelHeaders, readRange } from '../../../worker/prepare/source-headers.ts';
import { HubServer } from '../../doubles/hub-server.ts';
import { temporaryFolder, testEnvironment } from '../../doubles/sources.ts';

const never = new AbortController().signal;
const model = { source: { huggingFace: { repository: 'owner/model', revision: 'main' } } };

/** A file of `count` small tensors whose names are padded, so that the header takes `headerBytes` or more. */
function safetensors(count: number, nameBytes = 10): Buffer {
  const entries = Array.from({ length: count }, (_, i) => [
    String(i).padStart(nameBytes, 'n'),
    { dtype: 'F32', shape: [2], data_offsets: [i * 8, i * 8 + 8] },
  ]);
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(count * 8)]);
}

test('Headers of all shards and config.json are read, and no weights', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  hub.add({
    name: 'owner/model',
    files: {
      'config.json': '{"model_type":"llama"}',
      'model.safetensors.index.json': '{}',
      'model-00001-of-00002.safetensors': safetensors(1),
      // Its header is longer than what is read at first.
      'model-00002-of-00002.safetensors': safetensors(600, 600),
    },
  });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const headers = await readModelHeaders(model, environment, never);
  t.is(headers.config, '{"model_type":"llama"}');
  t.deepEqual(
    [...headers.safetensors].map(([path, { tensors }]) => [path, tensors.size]),
    [
      ['model-00001-of-00002.safetensors', 1],
      ['model-00002-of-00002.safetensors', 600],
    ],
  );
  t.deepEqual(headers.gguf, []);
});

test('A large file costs its header, not its weights', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const header = Buffer.from(
    JSON.stringify({ w: { dtype: 'U8', shape: [4 << 20], data_offsets: [0, 4 << 20] } }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  hub.add({
    name: 'owner/model',
    files: {
      'config.json': '{}',
      'model.safetensors': Buffer.concat([length, header, Buffer.alloc(4 << 20)]),
    },
  });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  await readModelHeaders(model, environment, never);
  t.is(hub.served('model.safetensors'), 256 * 1024);
});

test('A header that lies about its length is refused without being fetched', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const lie = Buffer.alloc(1000);
  lie.writeBigUInt64LE(50_000_000n);
  hub.add({ name: 'owner/model', files: { 'config.json': '{}', 'model.safetensors': lie } });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const error = await t.throwsAsync(readModelHeaders(model, environment, never), {
    instanceOf: UserError,
  });
  t.is(error.code, 'E_INVALID_MODEL');
  t.is(hub.served('model.safetensors'), 1000);
});

test('A GGUF is given as a file whose beginning can be read', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  hub.add({ name: 'owner/model', files: { 'a.gguf': 'GGUF and more' } });
  hub.faults.plan('a.gguf', { type: 'Cut', afterBytes: 2 });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const { gguf, config } = await readModelHeaders(model, environment, never);
  t.is(config, undefined);
  t.is((await readRange(gguf[0]!, 0, 4, environment, never)).toString(), 'GGUF');
  t.is((await readRange(gguf[0]!, 9, 99, environment, never)).toString(), 'more');
  t.is((await readRange(gguf[0]!, 99, 100, environment, never)).length, 0);
});
