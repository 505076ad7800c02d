// What EVA begins with, against PEFT's own initialisation of the same model on the same tokens.
// PEFT goes batch by batch, in float32; of one batch again and again it finds what we find of all
// tokens.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { adaptedLayers } from '../../worker/engine/adapted-layers.ts';
import { modelSource } from '../../worker/engine/build-model.ts';
import { alone } from '../../worker/engine/world.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { factorA, type Origin } from '../../worker/methods/adapters/adapter.ts';
import { eva } from '../../worker/methods/adapters/eva.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item, type Tensor, toArray } from '../../worker/tensor/tensor.ts';
import { plannedComponents } from '../../worker/train/planned-components.ts';
import { aSequence } from '../builders/training.ts';
import { makeToy } from '../toy/make-toy.ts';
import { askPeer } from './ask-peer.ts';

const rank = 4;
const rho = 2;
interface Lengths {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  readonly whiten: boolean;
}

const documents = Array.from({ length: 6 }, (_, i) =>
  Array.from({ length: 24 }, (_, j) => (i * 31 + j * j * 7 + 3 * j) % 40),
);

for (const whiten of [false, true]) {
  const title = 'EVA begins with the directions and ranks of PEFT';
  test(`${title}${whiten ? ', each as long as there with whiten' : ''}`, begins, whiten);
}

async function begins(t: ExecutionContext, whiten: boolean): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-eva-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = await makeToy(join(folder, 'toy'), 'llama');
  const answered = join(folder, 'answered.safetensors');
  const request = JSON.stringify({ r: rank, rho, whiten, ids: documents });
  await askPeer('eva_peer.py', [path, answered, request]);
  using files = openModel(path);
  const source = modelSource(files);
  const masks = { useLabelMask: false, maskFirstToken: false };
  const calibration = { sequences: 1, ...masks, directions: 'Exact', most: rank * rho } as const;
  const adapter = eva({
    ...{ rank, alpha: 2 * rank, dropout: 0, targets: () => true, seed: 1n, dtype: 'float32' },
    ...{ calibration, whiten },
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
  for (const [layer, { rank: own, ...first }] of found.byLayer) {
    const isThere = theirs.header.tensors.has(layer.path);
    scope(() => {
      const A = isThere ? theirs.load(layer.path) : null;
      // Where two directions explain the same up to rounding, either may be taken.
      moved += Math.abs(own - (A?.shape[0] ?? 0));
      const both = Math.min(own, A?.shape[0] ?? 0);
      if (A === null || both === 0) return;
      t.is(item(theirs.load(`${layer.path}.scale`)), 2);
      // Cosines of the angles between the subspaces.
      const begun = adapter.decompose?.(layer, { components: () => first } as Origin);
      const [a, b] = [begun?.[factorA], A].map((each) => splitRows(ops.narrow(each!, 0, 0, both)));
      const [, cosines] = ops.linalgSvd(ops.mm(a!.units, ops.t(b!.units)), false);
      const least = item(ops.amin(cosines));
      t.true(least > 0.999, `${layer.path}: ${least}`);
      lengthsAreThose(t, layer.path, { ours: a!.lengths, theirs: b!.lengths, whiten });
      compared += 1;
    });
  }
  t.true(compared > 0);
  t.true(moved <= 2, `${moved} ranks are elsewhere`);
  t.log(`ranks ${found.ranks}`);
}

function splitRows(rows: Tensor) {
  const lengths = ops.linalgVectorNorm(rows, 2, [1], true);
  return { units: ops.div(rows, lengths), lengths: toArray(lengths) };
}

/**
 * With `whiten` PEFT divides by the square root of the singular value of all tokens that it saw,
 * and it saw those of the batch a whole number of times until directions settled: k times the
 * tokens have singular values sqrt(k) times as large. It does so in place, once for each layer that
 * reads an input, so its q, k and v (gate and up) are divided three times (twice): those of an
 * input of its own alone are compared.
 */
function lengthsAreThose(t: ExecutionContext, path: string, { ours, theirs, whiten }: Lengths) {
  if (whiten && !/[.](o|down)_proj$/.test(path)) return;
  const times = ours.map((own, i) => (own / (theirs[i] ?? 0)) ** 4);
  const expected = whiten ? Math.max(2, Math.round(times[0] ?? 0)) : 1;
  for (const each of times) t.true(Math.abs(each / expected - 1) < 0.05, `${path}: ${times}`);
}
