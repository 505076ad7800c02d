// What adapters begin with, against PEFT's own initialisation of the same weights.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openSafetensors, writeSafetensors } from '../../worker/files/safetensors.ts';
import { pissa } from '../../worker/methods/adapters/pissa.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal, streamOf } from '../../worker/tensor/rng.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { item, type Tensor } from '../../worker/tensor/tensor.ts';
import { fromWeight } from '../builders/initial-factors.ts';
import { askPeer } from './ask-peer.ts';

const shapes = { tall: [48, 20], wide: [20, 48], square: [24, 24] } as const;
const rank = 6;
const alpha = 9;

/** Singular values that are well apart: vectors of equal ones are anybody's choice. */
function weight(name: string, shape: readonly number[]): Tensor {
  const [U, S, V] = ops.linalgSvd(normal(shape, 1, streamOf(5, name), 'float32'), false);
  const falling = ops.exp(ops.mulScalar(ops.arange(0, S.numel, 1, { dtype: 'float32' }), -0.3));
  return ops.contiguous(ops.mm(ops.mul(U, falling), V));
}

test('PiSSA begins with the matrices of PEFT, up to the sign of each component', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-initial-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const [given, answered] = ['given', 'answered'].map((each) =>
    join(folder, `${each}.safetensors`),
  ) as [string, string];
  const weights = scope(
    () => new Map(Object.entries(shapes).map(([name, shape]) => [name, weight(name, shape)])),
  );
  await writeSafetensors(given, weights);
  const config = { r: rank, lora_alpha: alpha, init_lora_weights: 'pissa' };
  await askPeer('initial_factors_peer.py', [given, answered, JSON.stringify(config)]);
  const model = { L: 1, NH: 1, NK: 1, D: 1, I: 1 };
  const adapter = pissa({
    ...{ rank, alpha, dropout: 0, targets: () => true, seed: 1n, dtype: 'float32' },
    directions: 'Exact',
  });
  using theirs = openSafetensors(answered);
  using file = openSafetensors(given);
  for (const [name, [out, inputs]] of Object.entries(shapes)) {
    scope(() => {
      const W = file.load(name);
      const found = adapter.decompose!(
        { path: name, layer: 0, out, in: inputs, model },
        fromWeight(W),
      );
      const [A, B] = [found['lora_A.weight']!, found['lora_B.weight']!];
      const [peerA, peerB] = ['A', 'B'].map((each) => theirs.load(`${name}.${each}`));
      const near = (a: Tensor, b: Tensor, what: string) => {
        const gap = item(ops.amax(ops.abs(ops.sub(a, b))));
        t.true(gap < 1e-4, `${name} ${what}: ${gap}`);
      };
      // Float32 on their side, on values of size 1.
      near(ops.mm(B, A), ops.mm(peerB!, peerA!), 'product');
      const signs = ops.unsqueeze(ops.sign(ops.sumDim(ops.mul(A, peerA!), [1])), 1);
      near(A, ops.mul(peerA!, signs), 'A');
      near(B, ops.mul(peerB!, ops.t(signs)), 'B');
      const rest = ops.sub(W, ops.mm(B, A), { alpha: alpha / rank });
      near(rest, theirs.load(`${name}.rest`), 'rest');
    });
  }
});
