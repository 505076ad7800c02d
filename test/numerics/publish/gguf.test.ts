// GGUF files of every family: written, opened again, and the same model.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createTokenizer } from '../../../worker/data/tokenizer.ts';
import { readTokenizerFolder } from '../../../worker/data/tokenizer-definition.ts';
import { tokenizerFromGguf } from '../../../worker/data/tokenizer-gguf.ts';
import { decoderConfig } from '../../../worker/decoder/config.ts';
import { type ModelFiles, openModel } from '../../../worker/decoder/model-files.ts';
import { readGgufHeader } from '../../../worker/files/header-files.ts';
import { ggufRounded, writeGgufModel } from '../../../worker/publish/gguf.ts';
import { ggufLosses } from '../../../worker/publish/gguf-metadata.ts';
import { type GgufFileType, ggufContents } from '../../../worker/publish/gguf-mix.ts';
import { copiedTokenizer, ggufTokenizer } from '../../../worker/publish/gguf-tokenizer.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { keep, scope } from '../../../worker/tensor/scope.ts';
import { item, type Tensor, toBytes } from '../../../worker/tensor/tensor.ts';
import { type GoldenCase, golden, goldenIds } from '../../toy/golden.ts';
import { makeToy } from '../../toy/make-toy.ts';
import { document, referenceLogits } from '../../toy/reference-decoder.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-gguf-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

let made = 0;

/** In a folder of its own: tests run side by side, and some ask for the same model. */
async function exported(
  name: string,
  fileType: GgufFileType,
  vocab_size = 40,
  changes: Readonly<Record<string, unknown>> = {},
) {
  const own = join(folder, String(made++));
  const from = await makeToy(join(own, 'model'), name, {
    config: { vocab_size, ...changes },
  });
  const path = join(own, `${name}.gguf`);
  using model = openModel(from);
  const tokenizer = ggufTokenizer(await readTokenizerFolder(from), model.config.V);
  const panels = (tensor: string) => [keep(model.load(tensor))];
  await writeGgufModel(path, {
    config: decoderConfig(model.config),
    name,
    fileType,
    tokenizer,
    panels,
  });
  return { from, path };
}

function logits(files: ModelFiles): Tensor {
  const weights = new Map(
    files.tensorNames.map((name) => [name, files.load(name, { dtype: 'float32' })]),
  );
  return referenceLogits({ config: decoderConfig(files.config), weights }, document(goldenIds));
}

const roundTrip = test.macro({
  async exec(t, { name }: GoldenCase) {
    const { from, path } = await exported(name, 'F32');
    using before = openModel(from);
    using after = openModel(path);
    const { family, layers, window, rope, ...facts } = decoderConfig(before.config);
    // Mistral is written as Llama, whose readers have no window; the loss is stated.
    const isMistral = family === 'mistral';
    t.like(after.config, isMistral ? facts : { ...facts, family, layers, window });
    // The divisors of a length that no published model has stay a table of divisors.
    if (rope.full.kind === 'llama3') t.is(decoderConfig(after.config).rope.full.kind, 'longrope');
    else t.deepEqual(decoderConfig(after.config).rope, rope);
    t.is(
      ggufLosses(decoderConfig(before.config)).length > 0,
      isMistral || family.startsWith('gemma'),
    );
    if (isMistral) return;
    scope(() => {
      const gap = item(ops.amax(ops.abs(ops.sub(logits(before), logits(after)))));
      // Gemma's norms lose a rounding of 1 + w; divisors of llama3 are float32. Logits are of size
      // 10.
      t.true(gap <= 64 * 2 ** -24 * 10, `largest gap ${gap}`);
    });
  },
  title: (_, { name }: GoldenCase) => `${name} comes back from a GGUF file as the same model`,
});
for (const each of golden.cases) test(roundTrip, each);

test('a matrix is kept to the precision of the type that was asked for', async (t) => {
  const gaps = new Map<GgufFileType, number>();
  for (const fileType of ['F16', 'BF16', 'Q8_0'] as const) {
    const { from, path } = await exported('phi3', fileType);
    using before = openModel(from);
    using after = openModel(path);
    for (const name of before.tensorNames) {
      scope(() => {
        const original = before.load(name);
        const gap = item(
          ops.amax(ops.abs(ops.sub(original, after.load(name, { dtype: 'float32' })))),
        );
        const { type } = after.headers.tensors.get(name)!;
        const largest = item(ops.amax(ops.abs(original)));
        // Half a unit in the last place: 2^-11 and 2^-8 relative, 1/254 of the largest of a block.
        const bounds: Readonly<Record<string, number>> = {
          ...{ F32: 0, F16: 2 ** -11 * largest, BF16: 2 ** -8 * largest },
          Q8_0: (1 / 254 + 2 ** -11) * largest,
        };
        t.true(gap <= bounds[type]!, `${name} as ${type}: ${gap}`);
        gaps.set(fileType, Math.max(gaps.get(fileType) ?? 0, gap));
      });
    }
  }
  t.true(gaps.get('F16')! < gaps.get('BF16')!);
});

test('norms and biases stay in F32, and rows that are no blocks in F16', async (t) => {
  const { path } = await exported('qwen2', 'Q8_0');
  const { tensors } = readGgufHeader(path);
  t.is(tensors.get('blk.0.attn_norm.weight')?.type.name, 'F32');
  t.is(tensors.get('blk.0.attn_q.bias')?.type.name, 'F32');
  t.is(tensors.get('blk.0.attn_q.weight')?.type.name, 'F16');
});

/** Gate, up and projections of attention have whole blocks of 256, `down` of 32 alone. */
const blocks = { hidden_size: 256, intermediate_size: 96 } as const;
const coarse = [
  ...(['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1'] as const),
  ...(['Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'] as const),
];

const comesBack = test.macro({
  async exec(t, fileType: GgufFileType) {
    const { from, path } = await exported('llama', fileType, 40, blocks);
    using before = openModel(from);
    using after = openModel(path);
    for (const name of before.tensorNames) {
      scope(() => {
        const original = before.load(name, { dtype: 'float32' });
        const { type } = after.headers.tensors.get(name)!;
        const read = after.load(name, { dtype: 'float32' });
        t.deepEqual(
          toBytes(read),
          toBytes(ggufRounded(original, type as GgufFileType)),
          `${name} as ${type}`,
        );
        if (/down_proj/.test(name) && fileType.endsWith('_K')) t.not(type, fileType);
        else if (/embed|head/.test(name)) t.is(type, 'Q6_K');
        else t.is(type, original.shape.length === 1 ? 'F32' : fileType);
      });
    }
    const counts = Object.groupBy(after.headers.tensors.values(), ({ type }) => type);
    const told = Object.entries(counts).map(([type, all]) => [type, all?.length]);
    t.deepEqual(
      ggufContents(decoderConfig(before.config), fileType).tensors,
      Object.fromEntries(told),
    );
  },
  title: (_, fileType: GgufFileType) =>
    `a file of ${fileType} gives back what its codes stand for, value by value`,
});
for (const each of coarse) test(comesBack, each);

test('the tokenizer of the folder comes back from the file, and from a copy of the file', async (t) => {
  const { from, path } = await exported('llama', 'F16', 300);
  const original = createTokenizer(await readTokenizerFolder(from));
  using model = openModel(path);
  const copy = join(folder, 'copy.gguf');
  await writeGgufModel(copy, {
    ...{ config: decoderConfig(model.config), name: 'copy', fileType: 'F16' },
    tokenizer: copiedTokenizer(readGgufHeader(path)),
    panels: (name) => [keep(model.load(name))],
  });
  for (const file of [path, copy]) {
    const { metadata } = readGgufHeader(file);
    const tokenizer = createTokenizer(
      tokenizerFromGguf({ get: (key) => metadata.get(key)?.value }),
    );
    for (const text of [
      'the quick brown fox, 1969',
      'Zürich ☃\n\n  tabs\t',
      '<|begin|>user<|end|>',
    ]) {
      t.deepEqual(tokenizer.encode(text), original.encode(text), text);
    }
    t.deepEqual([tokenizer.bos, tokenizer.eos], [0, 1]);
  }
});

test('a weight that float16 cannot hold stops the export and leaves no file', async (t) => {
  const from = await makeToy(join(folder, 'large'), 'llama');
  using model = openModel(from);
  const path = join(folder, 'large.gguf');
  const error = await t.throwsAsync(
    writeGgufModel(path, {
      ...{ config: decoderConfig(model.config), name: 'large', fileType: 'F16' },
      tokenizer: ggufTokenizer(await readTokenizerFolder(from), model.config.V),
      panels: (name) => [keep(scope(() => ops.mulScalar(model.load(name), 1e6)))],
    }),
  );
  t.regex(error.message, /model.embed_tokens.weight has a value that F16 cannot represent/);
  await t.throwsAsync(async () => readGgufHeader(path), { message: /does not exist/ });
});
