// Adapters in folders that vLLM would compute as they were trained, and those that it would not.
import { join } from 'node:path';
import test from 'ava';
import { linearLayers } from '../../../../worker/engine/adapted-layers.ts';
import { rankFor } from '../../../../worker/serve/handover/adapter-for-vllm.ts';
import { type PeftOptions, writePeftFolder } from '../../../builders/peft-folder.ts';
import { aToyModel } from '../../../builders/toy-training.ts';
import { temporaryFolder } from '../../../doubles/temporary-folder.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const config = { target_modules: ['q_proj'] };

async function rankOf(options: Partial<PeftOptions>, acceptsUnnamed = false): Promise<number> {
  await using folder = await temporaryFolder();
  const model = aToyModel();
  using _parameters = model.parameters;
  const path = join(folder.path, 'one');
  await writePeftFolder(path, model, { rank: 8, baseDigest: digest, config, ...options });
  const base = { linears: linearLayers(model.config), digest, acceptsUnnamed };
  return await rankFor('one', path, base);
}

test.serial('an adapter of one rank is taken with its rank', async (t) => {
  t.is(await rankOf({}), 8);
  t.is(await rankOf({ rank: 24, alpha: 3 }), 24);
  t.is(await rankOf({ config: { ...config, use_rslora: true } }), 8);
  // Patterns that say what holds without them.
  t.is(await rankOf({ ranks: { q_proj: 8 } }), 8);
});

const refused: readonly (readonly [string, Partial<PeftOptions>, RegExp])[] = [
  ['another rank somewhere', { ranks: { v_proj: 4 } }, /rank 4 and scale 2 at .*v_proj; vLLM/],
  [
    'another scale somewhere',
    { config: { ...config, alpha_pattern: { v_proj: 16 } } },
    /rank 8 and scale 2 at .*v_proj; vLLM computes all layers with rank 8 and scale 1/,
  ],
  ['DoRA', { config: { ...config, use_dora: true } }, /DoRA rescales the weights/],
  ['modules of its own', { config: { ...config, modules_to_save: ['lm_head'] } }, /replace those/],
  ['biases', { config: { ...config, bias: 'all' } }, /biases of adapters are not served/],
  ['no list of modules', { config: {} }, /has no target_modules, which vLLM asks for/],
  ['another base', { baseDigest: `sha256:${'b'.repeat(64)}` }, /was trained on the base sha256:b/],
];

for (const [what, options, words] of refused) {
  test.serial(`an adapter with ${what} is refused with a sentence`, async (t) => {
    await t.throwsAsync(rankOf(options), { message: words });
  });
}

test.serial('an adapter that names no base is refused, unless the server accepts it', async (t) => {
  const without = { baseDigest: '' };
  await t.throwsAsync(rankOf(without), { message: /does not say which base/ });
  t.is(await rankOf(without, true), 8);
});
