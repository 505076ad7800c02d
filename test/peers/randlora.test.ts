// A RandLoRA adapter that PEFT wrote, with our pairing of its matrices: the changes of all layers
// are those that PEFT computes. That PEFT reads ours: trained-toys.test.ts.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openModel } from '../../worker/decoder/model-files.ts';
import { adaptedLayers } from '../../worker/engine/adapted-layers.ts';
import { openSafetensors } from '../../worker/files/safetensors.ts';
import { basisA, basisB, randLora } from '../../worker/methods/adapters/randlora.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item, type Tensor } from '../../worker/tensor/tensor.ts';
import { makeToy } from '../toy/make-toy.ts';
import { askPeer } from './ask-peer.ts';
import { largestGap } from './gap.ts';

// No side of the toy is a multiple of it.
const rank = 6;
const alpha = 9;
const targets = ['q_proj', 'k_proj', 'gate_proj', 'down_proj'];

test('changes of an adapter that PEFT wrote are those of PEFT', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-randlora-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const path = await makeToy(join(folder, 'toy'), 'llama');
  const [adapter, answered] = [join(folder, 'adapter'), join(folder, 'answered.safetensors')];
  const request = JSON.stringify({ r: rank, alpha, targets });
  await askPeer('randlora_peer.py', [path, adapter, answered, request]);
  using files = openModel(path);
  using written = openSafetensors(join(adapter, 'adapter_model.safetensors'));
  using changes = openSafetensors(answered);
  const isTarget = (name: string) => targets.some((target) => name.endsWith(target));
  const ours = randLora({ rank, alpha, targets: isTarget, seed: 1n, dtype: 'float32' });
  const layers = adaptedLayers(files.config, ours);
  t.is(layers.length, targets.length * files.config.L);
  for (const layer of layers) {
    const { path: name, out, in: inputs } = layer;
    scope(() => {
      const tensors = (suffix: string): Tensor => {
        if (suffix !== basisA && suffix !== basisB) {
          return written.load(`base_model.model.${name}.${suffix}`);
        }
        const shared = written.load(`base_model.${suffix}`);
        const [rows = 0] = shared.shape;
        return ops.view(shared, [rows, shared.numel / rows]);
      };
      const expected = changes.load(name);
      const size = item(ops.amax(ops.abs(expected)));
      // Sums of as many terms as the smaller side, in another order, most of which cancel.
      const allowed = 2 ** -24 * Math.min(out, inputs) * size;
      const multiplied = ours.multipliedOut?.change(layer, tensors);
      const delta = ours.factors(layer, tensors, null);
      if (multiplied === undefined || delta.form !== 'product') throw new Error(name);
      for (const change of [multiplied, ops.mm(delta.B, delta.A)]) {
        const gap = largestGap(ops.mulScalar(change, delta.scale), expected);
        t.true(gap <= allowed, `${name}: ${gap} of ${size}`);
      }
    });
  }
});
