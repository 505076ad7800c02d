// Files of diffusers repeat in each block what is made of time step and class.
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { toArray } from '../../../worker/tensor/tensor.ts';
import { makeDiffusion } from '../../toy/diffusion.ts';
import { goldenCase } from '../../toy/make-toy.ts';

let folder = '';
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-diffusion-files-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

test('a folder of diffusers is read, with one of the tensors that its blocks repeat', async (t) => {
  const path = await makeDiffusion(join(folder, 'whole'));
  using files = openModel(path);
  t.is(files.headers.copies.length, 2 * 5, 'five tensors in two of three blocks');
  t.deepEqual(files.headers.made, []);
  t.false(files.tensorNames.some((name) => name.includes('norm1.emb')));
});

test('a folder of a pipeline has the transformer in a folder of its own', async (t) => {
  await makeDiffusion(join(folder, 'pipeline', 'transformer'));
  using files = openModel(join(folder, 'pipeline'));
  using direct = openModel(join(folder, 'pipeline', 'transformer'));
  t.is(files.digest(), direct.digest());
  t.is(files.headers.path, join(folder, 'pipeline'));
});

test('a model from scratch needs a configuration alone, and is drawn by name and seed', async (t) => {
  const path = await makeDiffusion(join(folder, 'scratch'));
  await rm(join(path, 'diffusion_pytorch_model.safetensors'));
  t.throws(() => openModel(path), { instanceOf: UserError });
  using files = openModel(path, { fromScratch: true, seed: 3 });
  using same = openModel(path, { fromScratch: true, seed: 3 });
  using other = openModel(path, { fromScratch: true, seed: 4 });
  t.deepEqual(files.headers.made, files.tensorNames);
  t.is(files.digest(), same.digest());
  t.not(files.digest(), other.digest());
  scope(() => {
    const zeros = /norm1\.linear|proj_out|bias$/;
    for (const name of files.tensorNames) {
      const values = toArray(files.load(name));
      t.deepEqual(toArray(same.load(name)), values, name);
      t.is(
        values.every((value) => value === 0),
        zeros.test(name),
        name,
      );
    }
    // As linear layers of 8 values to 8: the variance of Glorot and Bengio, of 64 draws.
    const patches = toArray(files.load('pos_embed.proj.weight'));
    const variance = patches.reduce((sum, value) => sum + value ** 2, 0) / patches.length;
    t.true(Math.abs(variance / (2 / 16) - 1) < 4 * Math.sqrt(2 / patches.length));
  });
});

test('a model from scratch does not read the tensors that are there', async (t) => {
  const path = await makeDiffusion(join(folder, 'both'));
  using made = openModel(path, { fromScratch: true });
  t.deepEqual(made.headers.files, []);
});

test('a family that is never made from scratch is refused in one sentence', (t) => {
  const path = join(folder, 'llama');
  mkdirSync(path);
  writeFileSync(join(path, 'config.json'), JSON.stringify({ ...goldenCase('llama').config }));
  const error = t.throws(() => openModel(path, { fromScratch: true }), { instanceOf: UserError });
  t.regex(error?.message ?? '', /is a llama, which is trained from its weights alone/u);
});

test('a block that has others is refused in one sentence', async (t) => {
  const odd = 'transformer_blocks.2.norm1.emb.class_embedder.embedding_table.weight';
  const path = await makeDiffusion(join(folder, 'odd'), {}, (name, values) => {
    if (name === odd) values[3] = 1;
  });
  const error = t.throws(() => openModel(path), { instanceOf: UserError });
  t.regex(error?.message ?? '', /2\.norm1\.emb\.class_embedder.* differs from .*blocks\.0\.norm1/u);
  t.is(error?.code, 'E_INVALID_MODEL');
});
