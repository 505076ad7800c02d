import test from 'ava';
import { UserError } from '../../../crds/errors.ts';
import { readModelHeaders } from '../../../worker/prepare/source-headers.ts';
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
  t.is(headers.gguf.size, 0);
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

/** A GGUF of one metadata pair and no tensors. */
function gguf(key: string, value: string): Buffer {
  const text = (content: string) => {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(content.length));
    return Buffer.concat([length, Buffer.from(content)]);
  };
  const head = Buffer.alloc(24);
  head.write('GGUF');
  head.writeUInt32LE(3, 4);
  head.writeBigUInt64LE(1n, 16);
  const string = Buffer.from([8, 0, 0, 0]);
  const all = Buffer.concat([head, text(key), string, text(value)]);
  return Buffer.concat([all, Buffer.alloc((32 - (all.length % 32)) % 32)]);
}

test('The header of a GGUF is read in as many steps as it is long, and no byte twice', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const long = 'x'.repeat(5 << 20);
  const file = gguf('tokenizer.chat_template', long);
  hub.add({ name: 'owner/model', files: { 'a.gguf': file } });
  hub.faults.plan('a.gguf', { type: 'Cut', afterBytes: 0 });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const headers = await readModelHeaders(model, environment, never);
  t.is(headers.config, undefined);
  t.is(headers.gguf.get('a.gguf')?.metadata.get('tokenizer.chat_template')?.value, long);
  t.is(hub.served('a.gguf'), file.length);
});
