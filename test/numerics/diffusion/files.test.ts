// Files of diffusers repeat in each block what is made of time step and class.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { UserError } from '../../../crds/failures/errors.ts';
import { openModel } from '../../../worker/decoder/model-files.ts';
import { makeDiffusion } from '../../toy/diffusion.ts';

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

test('a block that has others is refused in one sentence', async (t) => {
  const odd = 'transformer_blocks.2.norm1.emb.class_embedder.embedding_table.weight';
  const path = await makeDiffusion(join(folder, 'odd'), {}, (name, values) => {
    if (name === odd) values[3] = 1;
  });
  const error = t.throws(() => openModel(path), { instanceOf: UserError });
  t.regex(error?.message ?? '', /2\.norm1\.emb\.class_embedder.* differs from .*blocks\.0\.norm1/u);
  t.is(error?.code, 'E_INVALID_MODEL');
});
