// Adapters of convolutions as PEFT reads them: the same pictures beside the convolutions and merged
// into them, with one rank for all layers and with ranks of their own.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { resolveMethod } from '../../crds/methods/resolve.ts';
import { type ModelFiles, openModel } from '../../worker/decoder/model-files.ts';
import { buildModel, modelSource } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { type Adapter, factorA } from '../../worker/methods/adapters/adapter.ts';
import { lora } from '../../worker/methods/adapters/lora.ts';
import type { AdapterFacts } from '../../worker/publish/artifact.ts';
import { mergedPanels } from '../../worker/publish/merge.ts';
import { peftArtifact } from '../../worker/publish/peft.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import { toArray } from '../../worker/tensor/tensor.ts';
import { makeRestoration, pairSequence } from '../toy/restoration.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap, restoredBy } from './same-numbers.ts';

const size = { height: 6, width: 5 };
const batch = pairSequence([1, 2], size);
/** Float32 factors beside float64 arithmetic of the judge, on values of 1. */
const rounding = 2e-6;

const plain = lora({
  ...{ rank: 3, alpha: 6, dropout: 0.5, scaling: 'Standard', learningRateRatio: 1 },
  ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float32' },
});
/** Ranks 1, 2, 3 and 1. */
const uneven: Adapter = {
  ...plain,
  initialize(layer, initial) {
    const { trained } = plain.initialize(layer, initial);
    const { [factorA]: A, ...others } = trained;
    const rank = 1 + ((Number(layer.path.slice(5)) / 2 - 1) % 3);
    const narrow = Object.values(others).map((B) => ops.narrow(B, 1, 0, rank));
    const [B] = narrow;
    if (A === undefined || B === undefined) throw new Error('LoRA has two factors');
    return { trained: { [factorA]: ops.narrow(A, 0, 0, rank), 'lora_B.weight': B } };
  },
};
const adapters = { 'one rank': plain, 'ranks of their own': uneven };
const forms = ['PEFTAdapter', 'UniformPEFTAdapter'] as const;
const written = Object.keys(adapters).flatMap((name) => forms.map((form) => ({ name, form })));

let folder = '';
let files: ModelFiles;
const models = new Map<string, Model>();
const judged = () => join(folder, 'judged.safetensors');

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'anneal-conv-lora-'));
  const base = await makeRestoration(join(folder, 'base'));
  files = openModel(base);
  const folders: string[] = [];
  for (const [name, adapter] of Object.entries(adapters)) {
    const options = { dtype: 'float32', adapter, sequenceLength: 60 } as const;
    const model = buildModel(modelSource(files), options);
    models.set(name, model);
    for (const { name: own, value } of model.parameters.trained()) {
      scope(() => ops.copy_(value, normal(value.shape, 0.2, streamOf(3, own), 'float32')));
    }
    const type = adapter === plain ? 'LoRA' : 'EVA';
    const method = resolveMethod({
      adapter: type === 'LoRA' ? { type, lora: { rank: 3 } } : { type, eva: { rank: 3 } },
    } as Parameters<typeof resolveMethod>[0]);
    // Of a run, a file depends on the name and the digest of its base alone.
    const prepared = { model: { name: 'toy', digest: 'd' } };
    const facts = { model, method, prepared, files, initial: missing } as unknown as AdapterFacts;
    for (const form of forms) {
      const to = join(folder, `${name} ${form}`);
      await mkdir(to);
      await peftArtifact(facts, form).write(to);
      folders.push(to);
    }
  }
  const { values = {} } = batch;
  const input = JSON.stringify([...(values['input']?.values ?? [])]);
  const sides = [String(size.height), String(size.width)];
  await askPeer('conv_lora_peer.py', [judged(), base, ...sides, input, JSON.stringify(folders)]);
});
test.after.always(async () => {
  for (const { parameters } of models.values()) parameters[Symbol.dispose]();
  files[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

function missing(name: string): never {
  throw new Error(`nothing was decomposed into ${name}`);
}

function modelOf(name: string): Model {
  const model = models.get(name);
  if (model === undefined) throw new Error(`no model with ${name}`);
  return model;
}

for (const [i, { name, form }] of written.entries()) {
  test(`PEFT restores the same pictures with ${name} as ${form}, beside and merged`, (t) => {
    using peer = openSafetensors(judged());
    scope(() => {
      t.is(toArray(peer.load(`${i}.layers`))[0], 4, 'all convolutions of the blocks');
      const ours = restoredBy(modelOf(name), batch, size);
      t.true(largestGap(ours, toArray(peer.load('base'))) > 1e-2, 'the adapter changes pictures');
      const largest = Math.max(...ours.map(Math.abs));
      for (const state of ['restored', 'merged']) {
        const gap = largestGap(ours, toArray(peer.load(`${i}.${state}`)));
        t.true(gap <= rounding * Math.max(1, largest), `${state}: ${gap}`);
      }
    });
  });
}

for (const name of Object.keys(adapters)) {
  test(`merged weights compute what the adapter does beside them: ${name}`, (t) => {
    const model = modelOf(name);
    const source = modelSource(files);
    const load: typeof source.load = (each, dtype) =>
      scope(() => {
        const panels = [...mergedPanels({ files, model }, each, 'float32')];
        return ops.to(panels.length === 1 ? (panels[0] as never) : ops.cat(panels, 0), dtype);
      }, 'cpu');
    const options = { dtype: 'float32', adapter: null, sequenceLength: 60 } as const;
    const merged = buildModel({ ...source, load }, { ...options, trains: () => false });
    using _merged = merged.parameters;
    const gap = largestGap(restoredBy(model, batch, size), restoredBy(merged, batch, size));
    t.true(gap <= rounding * 4, `${gap}`);
  });
}
