// Folders and files on disk, opened by one function; whatever is wrong with them is one sentence.
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import type { FailureCode } from '../../../crds/failures/table.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { readModelHeaders } from '../../../worker/decoder/model-headers.ts';
import { writeSafetensors } from '../../../worker/files/safetensors.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toArray, toBytes } from '../../../worker/tensor/tensor.ts';
import { goldenConfig, goldenTensors } from '../../toy/golden.ts';
import { goldenCase, makeToy } from '../../toy/make-toy.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-models-'));
  await makeToy(join(folder, 'llama'), 'llama');
  await makeToy(join(folder, 'shards'), 'llama', { maxShardBytes: 10_000 });
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

/** A copy of the toy that a test may damage. */
async function toy(from = 'llama'): Promise<string> {
  const path = await mkdtemp(join(folder, 'copy-'));
  await cp(join(folder, from), path, { recursive: true });
  return path;
}

test('every tensor has the values of the rule, from one file and from shards', (t) => {
  const golden = goldenTensors(goldenConfig(goldenCase('llama')));
  for (const name of ['llama', 'shards']) {
    using model = openModel(join(folder, name));
    t.is(model.tensorNames.length, golden.size);
    for (const tensor of model.tensorNames) {
      const expected = Float32Array.from(golden.get(tensor)!.values);
      t.deepEqual(
        scope(() => toArray(model.load(tensor))),
        Array.from(expected),
        tensor,
      );
    }
  }
});

test('opening and loading leaves no handle behind', (t) => {
  const before = liveHandles();
  {
    using model = openModel(join(folder, 'llama'));
    scope(() => {
      for (const name of model.tensorNames) model.load(name, { dtype: 'bfloat16' });
    });
  }
  t.is(liveHandles(), before);
});

test('rows of a matrix are the rows of the whole', (t) => {
  using model = openModel(join(folder, 'llama'));
  scope(() => {
    const name = 'model.layers.1.self_attn.q_proj.weight';
    const whole = model.load(name);
    const part = model.load(name, { rows: [5, 9] });
    t.deepEqual(toBytes(part), toBytes(ops.contiguous(ops.narrow(whole, 0, 5, 4))));
  });
});

test('the digest is of the bytes: equal for a copy, another for one changed bit', async (t) => {
  const copy = await toy();
  const digest = (path: string) => {
    using model = openModel(path);
    return model.digest();
  };
  const original = digest(join(folder, 'llama'));
  t.is(digest(copy), original);
  const file = join(copy, 'model.safetensors');
  const bytes = await readFile(file);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(file, bytes);
  t.not(digest(copy), original);
});

test('headers alone say what the model is, with every tensor at its place', (t) => {
  const headers = readModelHeaders(join(folder, 'shards'));
  t.is(headers.format, 'safetensors');
  t.true(headers.files.length > 1);
  const places = [...headers.tensors.values()];
  t.is(
    places.reduce((sum, { begin, end }) => sum + end - begin, 0),
    4 * goldenCase('llama').parameters,
  );
});

test('a tied model may carry its head a second time, but not another one', async (t) => {
  const path = await makeToy(join(folder, 'tied'), 'qwen3');
  const write = async (head: (embedding: Tensor) => Tensor) => {
    using model = openModel(path);
    const tensors = new Map(model.tensorNames.map((name) => [name, ops.clone(model.load(name))]));
    tensors.set('lm_head.weight', head(model.load('model.embed_tokens.weight')));
    await writeSafetensors(join(path, 'model.safetensors'), tensors);
  };
  await write((embedding) => ops.clone(embedding));
  t.notThrows(() => openModel(path)[Symbol.dispose]());
  t.false(readModelHeaders(path).tensors.has('lm_head.weight'));
  await write((embedding) => ops.addScalar(embedding, 1));
  t.throws(() => openModel(path), { message: /tie_word_embeddings is true, but lm_head.weight/ });
});

test('multimodal files give the rows of the text vocabulary, under the names of here', async (t) => {
  const path = await makeToy(join(folder, 'gemma'), 'gemma3');
  const golden = goldenTensors(goldenConfig(goldenCase('gemma3')));
  const name = 'model.embed_tokens.weight';
  {
    using model = openModel(path);
    const tensors = new Map(
      model.tensorNames.map((each) => [`language_model.${each}`, ops.clone(model.load(each))]),
    );
    const embedding = model.load(name);
    tensors.set(`language_model.${name}`, ops.cat([embedding, embedding], 0));
    await writeSafetensors(join(path, 'model.safetensors'), tensors);
  }
  using model = openModel(path);
  const loaded = model.load(name);
  t.deepEqual(loaded.shape, [40, 24]);
  t.deepEqual(toArray(loaded), Array.from(Float32Array.from(golden.get(name)!.values)));
});

async function shard(path: string, number: number): Promise<string> {
  const names = await readdir(path);
  return join(path, names.find((name) => name.startsWith(`model-0000${number}`)) ?? '');
}

const damages: readonly (readonly [
  string,
  (path: string) => Promise<unknown>,
  RegExp,
  FailureCode,
])[] = [
  [
    'without a file that its index lists',
    async (path) => rm(await shard(path, 2)),
    /lists \d files; model-00002-of-0000\d.safetensors is missing/,
    'E_INVALID_MODEL',
  ],
  [
    'whose configuration is of another model',
    async (path) => {
      const file = join(path, 'config.json');
      const json = JSON.parse(await readFile(file, 'utf8'));
      await writeFile(file, JSON.stringify({ ...json, num_key_value_heads: 4 }));
    },
    /k_proj.weight is \[12, 24\] in model-0000\d.*must be \[24, 24\], from num_key_value_heads=4/,
    'E_INVALID_MODEL',
  ],
  [
    'whose configuration is no JSON',
    (path) => writeFile(join(path, 'config.json'), '{'),
    /config.json: it is not JSON/,
    'E_INVALID_MODEL',
  ],
  [
    'whose shard was cut off',
    async (path) => {
      const file = await shard(path, 3);
      const bytes = await readFile(file);
      await writeFile(file, bytes.subarray(0, bytes.length - 1));
    },
    /its tensors end at byte \d+, the file at/,
    'E_INVALID_MODEL',
  ],
  [
    'with a tensor in two shards',
    async (path) => copyFile(await shard(path, 1), await shard(path, 2)),
    /which does not have it|is in .* and in/,
    'E_INVALID_MODEL',
  ],
];
const refuses = test.macro({
  async exec(t, damage: (path: string) => Promise<unknown>, message: RegExp, code: FailureCode) {
    const path = await toy('shards');
    await damage(path);
    const error = t.throws(() => openModel(path), { instanceOf: UserError });
    t.regex(error.message, message);
    t.is(error.code, code);
  },
  title: (name) => `a folder ${name} is refused with a sentence`,
});
for (const [name, ...rest] of damages) test(name, refuses, ...rest);

test('what is no model says what a model is', async (t) => {
  const empty = await mkdtemp(join(folder, 'empty-'));
  const message = (path: string) =>
    t.throws(() => openModel(path), { instanceOf: UserError }).message;
  t.regex(message(join(folder, 'nowhere')), /nowhere does not exist/);
  t.regex(message(empty), /has no files; a model is config.json with safetensors files/);
  await writeFile(join(empty, 'pytorch_model.bin'), '');
  t.regex(message(empty), /only pickled weights; pickle files are never read/);
  const two = join(empty, 'two');
  await mkdir(two);
  await writeFile(join(two, 'a.gguf'), '');
  await writeFile(join(two, 'b.gguf'), '');
  t.regex(message(two), /has 2 GGUF files; name one of them: a.gguf, b.gguf/);
});
