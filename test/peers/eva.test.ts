// What EVA begins with, against PEFT's own initialisation of the same model on the same tokens.
// PEFT goes batch by batch, in float32; of one batch again and again it finds what we find of all
// tokens.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { adaptedLayers } from '../../worker/engine/adapted-layers.ts';
import { modelSource } from '../../worker/engine/build-model.ts';
import { alone } from '../../worker/engine/world.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { eva } from '../../worker/methods/adapters/eva.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item } from '../../worker/tensor/tensor.ts';
import { plannedComponents } from '../../worker/train/planned-components.ts';
import { aSequence } from '../builders/training.ts';
import { makeToy } from '../toy/make-toy.ts';
import { askPeer } from './ask-peer.ts';

const rank = 4;
const rho = 2;
const documents = Array.from({ length: 6 }, (_, i) =>
  Array.from({ length: 24 }, (_, j) => (i * 31 + j * j * 7 + 3 * j) % 40),
);

test('EVA begins with the directions and ranks of PEFT', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-eva-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = await makeToy(join(folder, 'toy'), 'llama');
  const answered = join(folder, 'answered.safetensors');
  await askPeer('eva_peer.py', [path, answered, JSON.stringify({ r: rank, rho, ids: documents })]);
  using files = openModel(path);
  const source = modelSource(files);
  const masks = { useLabelMask: false, maskFirstToken: false };
  const calibration = { sequences: 1, ...masks, directions: 'Exact', most: rank * rho } as const;
  const adapter = eva({
    ...{ rank, alpha: 2 * rank, dropout: 0, targets: () => true, seed: 1n, dtype: 'float32' },
    calibration,
  });
  using found = plannedComponents({
    ...{ source, device: 'cpu', group: null, layout: 'slice', world: alone },
    options: { dtype: 'float32', adapter: null, sequenceLength: 64 },
    calibration: { ...calibration, rank },
    layers: adaptedLayers(source.config, adapter),
    sequences: [aSequence(documents)],
  });
  using theirs = openSafetensors(answered);
  let moved = 0;
  let compared = 0;
  for (const [layer, { rank: own, rows }] of found.byLayer) {
    const isThere = theirs.header.tensors.has(layer.path);
    scope(() => {
      const A = isThere ? theirs.load(layer.path) : null;
      // Where two directions explain the same up to rounding, either may be taken.
      moved += Math.abs(own - (A?.shape[0] ?? 0));
      const both = Math.min(own, A?.shape[0] ?? 0);
      if (A === null || both === 0) return;
      t.is(item(theirs.load(`${layer.path}.scale`)), 2);
      // Cosines of the angles between the subspaces.
      const [a, b] = [rows, A].map((each) => ops.narrow(each, 0, 0, both));
      const [, cosines] = ops.linalgSvd(ops.mm(a!, ops.t(b!)), false);
      const least = item(ops.amin(cosines));
      t.true(least > 0.999, `${layer.path}: ${least}`);
      compared += 1;
    });
  }
  t.true(compared > 0);
  t.true(moved <= 2, `${moved} ranks are elsewhere`);
  t.log(`ranks ${found.ranks}`);
});
