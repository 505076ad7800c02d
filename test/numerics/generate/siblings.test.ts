// Which adapters a generator learns from, and the sentences for others.
import { appendFile, mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { readSibling } from '../../../worker/generate/siblings.ts';
import { slotsOf } from '../../../worker/generate/vector.ts';
import { liveHandles } from '../../../worker/tensor/memory.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { item, tensor } from '../../../worker/tensor/tensor.ts';
import { writePeftFolder } from '../../builders/peft-folder.ts';
import { aToyModel } from '../../builders/toy-training.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const digest = `sha256:${'a'.repeat(64)}`;

async function siblingsIn(t: ExecutionContext) {
  const folder = await temporaryFolder();
  const model = aToyModel();
  t.teardown(async () => {
    model.parameters[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  });
  const base = { config: model.config, digest };
  const write = (name: string, more: object = {}) =>
    writePeftFolder(join(folder.path, name), model, { rank: 4, baseDigest: digest, ...more });
  return { folder: folder.path, base, write, layers: linearLayers(model.config) };
}

test.serial('its vector has the change of each layer, and the scale with it', async (t) => {
  const { base, write, layers } = await siblingsIn(t);
  const { folder, changeOf } = await write('one', { alpha: 10 });
  const before = liveHandles();
  const { form, vector, bytes } = await readSibling(folder, base, null);
  t.is(liveHandles(), before);
  t.is(form.rank, 4);
  t.is(form.layers.length, layers.length);
  t.is(bytes, 4 * vector.length);
  const slots = slotsOf(form.layers, form.rank);
  scope(() => {
    for (const [i, layer] of layers.entries()) {
      const [A, B] = [slots[2 * i], slots[2 * i + 1]].map((slot) =>
        tensor(
          vector.slice(slot?.begin, (slot?.begin ?? 0) + (slot?.count ?? 0)),
          slot?.shape ?? [],
        ),
      );
      if (A === undefined || B === undefined) return t.fail();
      const gap = item(ops.amax(ops.abs(ops.sub(ops.mm(B, A), changeOf(layer)))));
      // Factors of some tens of entries are rounded to float32.
      t.true(gap < 1e-5, `${layer.path}: ${gap}`);
    }
  });
});

const refusals: readonly (readonly [string, object, RegExp])[] = [
  [
    'another base',
    { baseDigest: `sha256:${'b'.repeat(64)}` },
    /was trained on the base sha256:b+;/,
  ],
  ['a base that it does not name', { baseDigest: undefined }, /does not say which base/],
  ['another rank', { rank: 2 }, /other.* has the rank 2, and those before it 4/],
  [
    'ranks that differ',
    { ranks: { q_proj: 2 } },
    /of rank 2 and of rank 4|of rank 4 and of rank 2/,
  ],
  ['no LoRA', { config: { peft_type: 'IA3' } }, /is not LORA/],
  ['DoRA', { config: { use_dora: true } }, /DoRA rescales the weights/],
  ['values that are not finite', { size: Number.NaN }, /has values that are not finite/],
];

for (const [what, more, sentence] of refusals) {
  test.serial(`refused: ${what}`, async (t) => {
    const { base, write } = await siblingsIn(t);
    const first = await readSibling((await write('first')).folder, base, null);
    const other = await write('other', more);
    await t.throwsAsync(readSibling(other.folder, base, first.form), { message: sentence });
  });
}

test.serial('refused: other layers, and one that some blocks lack', async (t) => {
  const { base, write } = await siblingsIn(t);
  const { folder } = await write('one');
  const { form } = await readSibling(folder, base, null);
  const fewer = { ...form, targets: ['q_proj'] };
  await t.throwsAsync(readSibling(folder, base, fewer), {
    message: /is on .*, and those before it on q_proj/,
  });
  const deeper = { ...base, config: { ...base.config, L: base.config.L + 1 } };
  await t.throwsAsync(readSibling(folder, deeper, null), {
    message: /in \d+ of \d+ blocks; it must be in all of them, or in none/,
  });
});

test.serial('damaged and hostile files end in a sentence', async (t) => {
  const { base, write, folder } = await siblingsIn(t);
  const missing = join(folder, 'nothing');
  await mkdir(missing);
  await t.throwsAsync(readSibling(missing, base, null), { message: /is missing/ });
  const nested = await write('nested');
  await writeFile(join(nested.folder, 'adapter_config.json'), '['.repeat(2 ** 20));
  await t.throwsAsync(readSibling(nested.folder, base, null), { message: /adapter_config\.json/ });
  const cut = await write('cut');
  await truncate(join(cut.folder, 'adapter_model.safetensors'), 2000);
  await t.throwsAsync(readSibling(cut.folder, base, null), { message: /adapter_model/ });
  const long = await write('long');
  await appendFile(join(long.folder, 'adapter_model.safetensors'), 'more');
  await t.throwsAsync(readSibling(long.folder, base, null), { message: /adapter_model/ });
});
