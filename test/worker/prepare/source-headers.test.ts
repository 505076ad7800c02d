import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { readConfig } from '../../../worker/decoder/config.ts';
import { ggufName } from '../../../worker/decoder/gguf-names.ts';
import { tensorSpecs } from '../../../worker/decoder/names.ts';
import { fetchHasChatTemplate, fetchModelHeaders } from '../../../worker/prepare/source-headers.ts';
import {
  GgufType,
  ggufFile,
  ggufFloat,
  ggufNumber,
  ggufPair,
  ggufTensor,
  ggufText,
} from '../../builders/gguf.ts';
import { HubServer } from '../../doubles/hub-server.ts';
import { temporaryFolder, testEnvironment } from '../../doubles/sources.ts';

const never = new AbortController().signal;
const model = { source: { huggingFace: { repository: 'owner/model', revision: 'main' } } };

const configJson = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 128,
  intermediate_size: 256,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 2048,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
};
const config = readConfig(configJson);
const specs = tensorSpecs(config);
const elements = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** A file of these tensors as zeros; `padding` makes its header longer. */
function safetensors(chosen: typeof specs, padding = 0): Buffer {
  let at = 0;
  const entries = chosen.map(({ name, shape }) => {
    const begin = at;
    at += 2 * elements(shape);
    return [name, { dtype: 'BF16', shape, data_offsets: [begin, at] }];
  });
  const metadata = { __metadata__: { format: 'pt', padding: ' '.repeat(padding) } };
  const header = Buffer.from(JSON.stringify({ ...metadata, ...Object.fromEntries(entries) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(at)]);
}

test('A model in shards is described by config.json and headers, and no weights are fetched', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  hub.add({
    name: 'owner/model',
    files: {
      'config.json': JSON.stringify(configJson),
      'model.safetensors.index.json': '{}',
      [first]: safetensors(specs.slice(0, 5)),
      // Its header is longer than what is read at first.
      [second]: safetensors(specs.slice(5), 400_000),
    },
  });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const headers = await fetchModelHeaders(model, environment, never);
  t.deepEqual(headers.config, config);
  t.deepEqual(
    [...headers.tensors.values()].map(({ spec, file }) => [spec.name, file]),
    specs.map(({ name }, i) => [name, i < 5 ? first : second]),
  );
  t.regex(headers.path, /^owner\/model at [0-9a-f]{8}$/);
  t.is(hub.served(first), 256 * 1024);
  // 256 KiB, then what is left of the header.
  t.true(hub.served(second) < 410_000);
  t.false(headers.hasChatTemplate);
});

test('A header that lies about its length is refused without being fetched', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const lie = Buffer.alloc(1000);
  lie.writeBigUInt64LE(50_000_000n);
  hub.add({ name: 'owner/model', files: { 'config.json': '{}', 'model.safetensors': lie } });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const error = await t.throwsAsync(fetchModelHeaders(model, environment, never), {
    instanceOf: UserError,
  });
  t.is(error.code, 'E_INVALID_MODEL');
  t.is(hub.served('model.safetensors'), 1000);
});

test('Whether a model brings a chat template is known without a byte of its weights', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const chat_template = [{ name: 'default', template: '{{ messages }}' }];
  const weights = { 'model.safetensors': safetensors(specs), 'config.json': '{}' };
  for (const [name, files, has] of [
    ['none', {}, false],
    ['config', { 'tokenizer_config.json': JSON.stringify({ chat_template: 'x' }) }, true],
    ['named', { 'tokenizer_config.json': JSON.stringify({ chat_template }) }, true],
    ['empty', { 'tokenizer_config.json': JSON.stringify({ chat_template: null }) }, false],
    ['jinja', { 'chat_template.jinja': 'x', 'tokenizer_config.json': '{}' }, true],
  ] as const) {
    hub.add({ name: `owner/${name}`, files: { ...weights, ...files } });
    const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
    const asked = { source: { huggingFace: { repository: `owner/${name}`, revision: 'main' } } };
    t.is(await fetchHasChatTemplate(asked, environment, never), has, name);
  }
  t.is(hub.served('model.safetensors'), 0);
});

test('Weights without config.json are refused with a sentence', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  hub.add({ name: 'owner/model', files: { 'model.safetensors': safetensors(specs) } });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const error = await t.throwsAsync(fetchModelHeaders(model, environment, never));
  t.regex(error.message, /^owner\/model at \w+ has no config.json/);
});

test('The header of a GGUF is read in as many steps as it is long, and no byte twice', async (t) => {
  await using cache = await temporaryFolder();
  await using hub = await HubServer.start();
  const number = (key: string, value: number) =>
    ggufPair(`llama.${key}`, GgufType.Uint32, ggufNumber(value, 4));
  let at = 0;
  const tensors = specs.map((spec) => {
    const offset = at;
    at += 4 * elements(spec.shape);
    return ggufTensor(ggufName(spec), spec.shape.toReversed(), 0, offset);
  });
  const pairs = [
    ggufPair('general.architecture', GgufType.Text, ggufText('llama')),
    number('block_count', 2),
    number('context_length', 64),
    number('embedding_length', 128),
    number('feed_forward_length', 256),
    number('attention.head_count', 4),
    number('attention.head_count_kv', 2),
    number('vocab_size', 2048),
    ggufPair('llama.attention.layer_norm_rms_epsilon', GgufType.Float32, ggufFloat(1e-5)),
    ggufPair('llama.rope.freq_base', GgufType.Float32, ggufFloat(10_000)),
    // Longer than what is read at first.
    ggufPair('tokenizer.chat_template', GgufType.Text, ggufText('x'.repeat(5 << 20))),
  ];
  const file = ggufFile(pairs, tensors, at);
  hub.add({ name: 'owner/model', files: { 'a.gguf': file } });
  hub.faults.plan('a.gguf', { type: 'Cut', afterBytes: 0 });
  const environment = testEnvironment(cache.path, { hubEndpoint: hub.endpoint });
  const headers = await fetchModelHeaders(model, environment, never);
  t.is(headers.format, 'gguf');
  t.true(headers.hasChatTemplate);
  t.is(headers.tensors.size, specs.length);
  t.deepEqual([headers.config.H, headers.config.L, headers.config.V], [128, 2, 2048]);
  t.is(hub.served('a.gguf'), file.length);
});
