// GaLore and the lazy projection of Q-GaLore against the packages galore_torch and q_galore_torch,
// on the same gradients.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openSafetensors, writeSafetensors } from '../../worker/files/safetensors.ts';
import { adamW } from '../../worker/methods/optimizers/adamw.ts';
import { exactSubspaces, galore } from '../../worker/methods/optimizers/galore.ts';
import { lazySubspaces } from '../../worker/methods/optimizers/lazy-subspaces.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';
import { normal } from '../../worker/tensor/rng.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { streamOf } from '../../worker/tensor/streams.ts';
import { item, type Tensor, toArray } from '../../worker/tensor/tensor.ts';
import { setThreads } from '../../worker/tensor/threads.ts';
import { basisFor, projectedUpdate } from '../builders/projected-update.ts';
import { askPeer } from './ask-peer.ts';

const steps = 20;
const shapes = { tall: [40, 24], wide: [24, 40], square: [32, 32] } as const;
type Name = keyof typeof shapes;
const names = Object.keys(shapes) as Name[];

let folder = '';
const given = () => join(folder, 'given.safetensors');
const answered = () => join(folder, 'answered.safetensors');

const draw = (name: string, shape: readonly number[]): Tensor =>
  normal(shape, 1, streamOf(8, 'galore.peer', name), 'float32');

/** Twelve directions stand out, one less than the other, and turn slowly; noise lies below. */
function gradient(name: Name, step: number): Tensor {
  const [out, inputs] = shapes[name];
  return scope(() => {
    const left = draw(`${name}.left`, [out, 12]);
    const right = draw(`${name}.right`, [12, inputs]);
    const turned = ops.add(right, draw(`${name}.turn${step}`, [12, inputs]), { alpha: 0.2 });
    const sizes = ops.exp(ops.mulScalar(ops.arange(0, 12, 1, { dtype: 'float32' }), -0.3));
    return ops.add(ops.mm(ops.mul(left, sizes), turned), draw(`${name}.n${step}`, [out, inputs]), {
      alpha: 0.02,
    });
  });
}

test.before(async () => {
  setThreads(1);
  folder = await mkdtemp(join(tmpdir(), 'anneal-galore-'));
  const tensors = new Map<string, Tensor>();
  for (const name of names) {
    tensors.set(`${name}.w`, draw(`${name}.w`, shapes[name]));
    for (let step = 0; step < steps; step += 1) {
      tensors.set(`${name}.g${step}`, gradient(name, step));
    }
  }
  await writeSafetensors(given(), tensors);
  for (const each of tensors.values()) each.dispose();
  await askPeer('galore_peer.py', [given(), answered()]);
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const gapOf = (a: Tensor, b: Tensor): number =>
  item(ops.to(ops.amax(ops.abs(ops.sub(a, b))), 'float64'));

const norm = (a: Tensor): number => item(ops.to(ops.linalgVectorNorm(a, 2), 'float64'));
const distance = (a: Tensor, b: Tensor): number => norm(ops.sub(a, b));

for (const name of names) {
  test(`twenty steps of GaLore with three choices of directions are those of galore_torch: ${name}`, (t) => {
    using ours = openSafetensors(given());
    using peer = openSafetensors(answered());
    scope(() => {
      const settings = {
        rank: 6,
        scale: 0.25,
        weightDecay: 0.1,
        masterWeights: 'Float32',
      } as const;
      const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-12, weightDecay: 0.1 };
      const inner = adamW({ ...adam, masterWeights: 'Float32' });
      const optimizer = galore(settings, inner, exactSubspaces(7));
      const start = ours.load(`${name}.w`);
      const value = ops.clone(start);
      const state = optimizer.initialize(value, { isBlockMatrix: true });
      for (let step = 0; step < steps; step += 1) {
        projectedUpdate(optimizer, value, ours.load(`${name}.g${step}`), state, {
          ...{ learningRate: 0.01, count: step + 1, gradientScale: 1, decayed: true },
          stream: streamOf(0, 'none'),
        });
        const theirs = peer.load(`${name}.w${step}`);
        const moved = gapOf(theirs, start);
        const gap = gapOf(value, theirs);
        // Bases are float32 numbers, so steps are off by some 1e-5 of themselves; and each rounds
        // weights of size 4.
        const allowed = 2e-5 * moved + (step + 1) * 4 * 2 ** -23;
        t.true(moved > 1e-3 && gap <= allowed, `step ${step}: ${gap} of ${moved}`);
      }
    });
  });

  test(`directions are chosen when q_galore_torch chooses them, and are as near to the exact ones: ${name}`, (t) => {
    using ours = openSafetensors(given());
    using peer = openSafetensors(answered());
    scope(() => {
      const lazy = { refreshSteps: 2, cosineThreshold: 0.4, gapGrowth: 2, queueSize: 3 };
      const subspaces = lazySubspaces(lazy);
      const state = subspaces.initialize(Math.min(...shapes[name]), 6, 'float32');
      const chosen: number[] = [];
      let [own, theirs] = [0, 0];
      for (let step = 0; step < steps; step += 1) {
        const before = toArray(state['control']!)[1] ?? 0;
        const basis = basisFor(subspaces, ours.load(`${name}.g${step}`), state, step);
        chosen.push((toArray(state['control']!)[1] ?? 0) - before);
        const exact = peer.load(`${name}.exact${step}`);
        own += distance(ops.t(basis), exact) / norm(exact) / steps;
        theirs += distance(peer.load(`${name}.coded${step}`), exact) / norm(exact) / steps;
      }
      t.deepEqual(chosen, toArray(peer.load(`${name}.chosen`)));
      t.true(chosen.filter((one) => one > 0).length < steps / 2, 'some were left out');
      // A range in 14 steps, for codes that never cut a number off, against 15.
      t.true(own > 0.02 && own < 0.15 && own < 1.25 * theirs, `${own} and ${theirs}`);
    });
  });
}
