// Adapters that are served as one by `--compose`, against the one that PEFT makes of them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { pageTokens } from '../../crds/plan/serving-memory.ts';
import { openModel } from '../../worker/decoder/model-files.ts';
import { PagedCache } from '../../worker/decoding/paged-cache.ts';
import { Sequence } from '../../worker/decoding/sequence.ts';
import { stepLogits } from '../../worker/decoding/step-logits.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { stacked } from '../../worker/serve/compose.ts';
import { adapterTap, loadAdapter, type ServedAdapter } from '../../worker/serve/served-adapter.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { writePeftFolder } from '../builders/peft-folder.ts';
import { goldenIds } from '../toy/golden.ts';
import { makeToy } from '../toy/make-toy.ts';
import { askPeer } from './ask-peer.ts';
import { tolerance } from './gap.ts';

const weights = { first: 0.75, second: -0.5, third: 2 };
const every = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
const adapters = {
  first: { rank: 4, alpha: 7, without: [] },
  second: { rank: 8, alpha: 8, without: [] },
  third: { rank: 3, alpha: 5, without: ['v_proj', 'down_proj'] },
};

test('PEFT makes the same of several adapters with weights', async (t) => {
  t.timeout(10 * 60_000);
  const folder = await mkdtemp(join(tmpdir(), 'anneal-composed-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = await makeToy(join(folder, 'model'), 'llama');
  using files = openModel(path);
  const model = buildModel(modelSource(files), {
    ...{ dtype: 'float32', adapter: null, trains: () => false, sequenceLength: 64 },
  });
  using _parameters = model.parameters;
  const loaded: { readonly name: string; readonly adapter: ServedAdapter; weight: number }[] = [];
  const parts: (readonly [string, string, number])[] = [];
  for (const [seed, name] of (['first', 'second', 'third'] as const).entries()) {
    const { without, ...own } = adapters[name];
    const modules = every.filter((one) => !without.includes(one as never));
    const config = { target_modules: modules, task_type: 'CAUSAL_LM' };
    const written = await writePeftFolder(join(folder, name), model, {
      ...{ ...own, without, seed, config },
    });
    const base = { model, digest: '', acceptsUnnamed: true };
    const adapter = await loadAdapter(name, written.folder, base);
    t.teardown(() => adapter[Symbol.dispose]());
    loaded.push({ name, adapter, weight: weights[name] });
    parts.push([name, written.folder, weights[name]]);
  }
  const out = join(folder, 'logits.safetensors');
  const args = [path, out, JSON.stringify(goldenIds), JSON.stringify(parts)];
  await askPeer('composed_peer.py', args);
  using theirs = openSafetensors(out);
  using merged = stacked(loaded);
  const found = [...loaded, { name: 'merged', adapter: merged }].map(({ name, adapter }) => {
    using cache = new PagedCache(model, 4);
    const sampling = { temperature: 0, stop: new Set<number>(), draw: () => 0 };
    const question = { ...sampling, prompt: [...goldenIds], maxTokens: 1, change: adapter };
    const sequence = new Sequence(question);
    cache.clear(sequence.extend(cache.pages, pageTokens));
    const ours = scope(() => toArray(stepLogits(model, cache, sequence.lanes, adapterTap)));
    const last = scope(() => toArray(theirs.load(name)).slice(-model.config.V));
    const gap = Math.max(...ours.map((z, i) => Math.abs(z - (last[i] ?? Number.NaN))));
    t.log(`${name}: logits differ by ${gap.toExponential(1)}`);
    t.true(gap <= tolerance, `${name}: ${gap}`);
    return ours;
  });
  const others = found.slice(0, -1);
  for (const one of others) {
    const gap = Math.max(...one.map((z, i) => Math.abs(z - (found.at(-1)?.[i] ?? Number.NaN))));
    t.true(gap > 100 * tolerance, 'the merge is another model');
  }
});
