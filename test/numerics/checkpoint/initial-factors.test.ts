// What an adapter began with, in the folder of a run: computed once, read by everything else.
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { readManifest } from '../../../worker/checkpoint/folder.ts';
import {
  openInitialFactors,
  writeInitialFactors,
} from '../../../worker/checkpoint/initial-factors.ts';
import { alone } from '../../../worker/engine/world.ts';
import { tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { aToyRun } from '../../builders/toy-run.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const key = 'a'.repeat(64);
const name = 'model.layers.0.mlp.up_proj.lora_A.weight';

async function write(root: string, values: readonly number[]): Promise<void> {
  using own = tensor(values, [values.length], 'float32');
  const place = { root, key, partial: join(root, 'partial'), base: 'sha256:base', world: alone };
  await writeInitialFactors(place, new Map([[name, own]]));
}

test('they come back bit for bit, and those of a slower round replace nothing', async (t) => {
  await using folder = await temporaryFolder();
  t.is(await openInitialFactors({ root: folder.path, key }), null);
  await write(folder.path, [1, -2.5]);
  using first = await openInitialFactors({ root: folder.path, key });
  await write(folder.path, [3, 4]);
  using later = await openInitialFactors({ root: folder.path, key });
  t.deepEqual(toArray(later!.get(name)), [1, -2.5]);
  t.is(later?.digest, first?.digest);
  t.deepEqual(await readdir(folder.path), [key]);
  t.throws(() => later?.get('lora_B.weight'), { message: /did not begin with lora_B/ });
  await rm(join(folder.path, key), { recursive: true });
  await write(folder.path, [3, 4]);
  using other = await openInitialFactors({ root: folder.path, key });
  t.not(other?.digest, first?.digest);
});

test('damaged ones are refused', async (t) => {
  await using folder = await temporaryFolder();
  await write(folder.path, [1, 2]);
  await writeFile(join(folder.path, key, 'shard-0.safetensors'), 'short');
  await t.throwsAsync(openInitialFactors({ root: folder.path, key }), {
    message: /shard-0\.safetensors has 5 bytes; its manifest says/,
  });
});

for (const adapter of [
  { type: 'PiSSA', pissa: { rank: 4 } },
  { type: 'LoRAXS', loraXs: { rank: 4 } },
]) {
  test(`${adapter.type}: a resumed run decomposes nothing, and checkpoints fit only what they were trained beside`, async (t) => {
    const run = await aToyRun(t, {
      name: 'resumed',
      method: { preset: adapter.type, precision: { type: 'Float32' }, adapter },
      training: { maxSteps: 4 },
      checkpoint: { intervalSteps: 2 },
    });
    await run.prepare();
    const factors = () =>
      run.ofType('stage').filter(({ subject, state }) => {
        return subject === 'factors of weights' && state === 'Done';
      }).length;
    run.onMessage = (message) => {
      if (message.type === 'step' && message.step === 2) run.stop();
    };
    await t.throwsAsync(run.train());
    t.is(factors(), 1);
    run.startAgain();
    await run.train();
    t.is(factors(), 0);
    t.deepEqual(
      run.ofType('step').map(({ step }) => step),
      [3, 4],
    );
    await run.publish();

    // Others, as another processor finds them.
    const root = join(run.folder, 'initial');
    const [found = ''] = await readdir(root);
    await rename(root, join(run.folder, 'aside'));
    using own = await openInitialFactors({ root: join(run.folder, 'aside'), key: found });
    const { tensors } = await readManifest(join(run.folder, 'aside', found));
    const changed = new Map(
      tensors.map((one) => {
        const values = toArray(own!.get(one.name)).map((x) => -x);
        return [one.name, tensor(values, one.shape, 'float32')] as const;
      }),
    );
    const partial = join(run.folder, 'partial');
    const place = { root, key: found, partial, base: 'sha256:base', world: alone };
    await writeInitialFactors(place, changed);
    for (const each of changed.values()) each.dispose();
    const sentence = /was trained beside other initial factors/;
    await t.throwsAsync(run.publish(), { message: sentence });
    await t.throwsAsync(run.train(), { message: sentence });
  });
}
