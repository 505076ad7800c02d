// Bases in 4 bits: how good they are, when they are chosen, and that their state is all there is.
import test from 'ava';
import { lazySubspaces } from '../../../../worker/methods/optimizers/lazy-subspaces.ts';
import type { OptimizerState } from '../../../../worker/methods/optimizers/optimizer.ts';
import { topSubspace } from '../../../../worker/methods/optimizers/subspace.ts';
import type { LazySettings } from '../../../../worker/methods/optimizers/subspace-control.ts';
import { liveHandles } from '../../../../worker/tensor/memory.ts';
import * as ops from '../../../../worker/tensor/ops.generated.ts';
import { normal } from '../../../../worker/tensor/rng.ts';
import { scope } from '../../../../worker/tensor/scope.ts';
import { streamOf } from '../../../../worker/tensor/streams.ts';
import { item, type Tensor, toArray } from '../../../../worker/tensor/tensor.ts';
import { setThreads } from '../../../../worker/tensor/threads.ts';
import { basisFor } from '../../../builders/projected-update.ts';

test.before(() => setThreads(1));

const settings: LazySettings = {
  ...{ refreshSteps: 2, cosineThreshold: 0.4, gapGrowth: 2, queueSize: 3 },
};

const draw = (shape: readonly number[], name: string): Tensor =>
  normal(shape, 1, streamOf(6, 'lazy.test', name), 'float32');

const norm = (x: Tensor): number => item(ops.linalgVectorNorm(ops.to(x, 'float64'), 2));

const copyOf = (state: OptimizerState): OptimizerState =>
  Object.fromEntries(Object.entries(state).map(([key, value]) => [key, ops.clone(value)]));

test('a basis of 256 directions of 1024 in 4 bits is near the exact one, and nearly orthonormal', (t) => {
  scope(() => {
    const subspaces = lazySubspaces(settings);
    const gradient = draw([1100, 1024], 'g');
    const state = subspaces.initialize(1024, 256, 'float32');
    const basis = basisFor(subspaces, gradient, state, 0);
    const exact = topSubspace(gradient, 256);
    t.deepEqual(basis.shape, [1024, 256]);
    const gap = norm(ops.sub(basis, exact)) / norm(exact);
    t.true(gap > 0.02 && gap <= 0.15, `${gap}`);
    const square = ops.mm(ops.t(basis), basis);
    const skew = norm(ops.sub(square, ops.eye(256, { dtype: 'float32' }))) / Math.sqrt(256);
    t.true(skew <= 0.12, `${skew}`);
  });
});

test('state is half a byte for each value of the basis, and a scale and a zero for each group', (t) => {
  scope(() => {
    const bytes = Object.fromEntries(
      Object.entries(lazySubspaces(settings).initialize(576, 144, 'float32')).map(
        ([key, value]) => [key, value.bytes],
      ),
    );
    t.deepEqual(bytes, {
      basis_codes: (576 * 144) / 2,
      basis_scales: 144 * 3 * 4,
      basis_zeros: 144 * 3,
      direction: 576 * 4,
      control: (3 + 3) * 8,
    });
  });
});

test('the basis stays between choices, and choices become rarer where the gradient stays', (t) => {
  scope(() => {
    const subspaces = lazySubspaces(settings);
    const still = draw([12, 8], 'still');
    const choicesOf = (gradientAt: (updates: number) => Tensor) => {
      const state = subspaces.initialize(8, 3, 'float32');
      const found: number[] = [];
      let before: readonly number[] = [];
      for (let updates = 0; updates < 40; updates += 1) {
        basisFor(subspaces, gradientAt(updates), state, updates);
        const control = toArray(state['control']!);
        if (control[1] !== before[1]) found.push(updates);
        before = control;
      }
      return found;
    };
    // At 0 none before; 2, 4, 6 fill the queue: gap 4; 8: gap 8; 16: gap 16; 32.
    t.deepEqual(
      choicesOf(() => still),
      [0, 2, 4, 6, 8, 16, 32],
    );
    const turning = choicesOf((updates) => ops.mm(still, draw([8, 8], `turn${updates}`)));
    t.true(turning.length >= 12, `${turning}`);
  });
});

test('a choice at the wrong time is not made: the basis is that of the last choice', (t) => {
  scope(() => {
    const subspaces = lazySubspaces(settings);
    const state = subspaces.initialize(8, 3, 'float32');
    const first = toArray(ops.contiguous(basisFor(subspaces, draw([12, 8], 'a'), state, 0)));
    const second = toArray(ops.contiguous(basisFor(subspaces, draw([12, 8], 'b'), state, 1)));
    const third = toArray(ops.contiguous(basisFor(subspaces, draw([12, 8], 'b'), state, 2)));
    t.deepEqual(second, first);
    t.notDeepEqual(third, first);
  });
});

test('from a copy of its state it goes on in the middle of a queue', (t) => {
  scope(() => {
    const subspaces = lazySubspaces(settings);
    const run = (state: OptimizerState, from: number, to: number) => {
      for (let updates = from; updates < to; updates += 1) {
        basisFor(subspaces, draw([12, 8], `r${Math.floor(updates / 9)}`), state, updates);
      }
      return state;
    };
    const whole = run(subspaces.initialize(8, 3, 'float32'), 0, 30);
    for (const at of [1, 5, 12, 29]) {
      const first = run(subspaces.initialize(8, 3, 'float32'), 0, at);
      const rest = run(copyOf(first), at, 30);
      for (const [key, value] of Object.entries(whole)) {
        t.deepEqual(toArray(rest[key]!), toArray(value), `${key} after ${at}`);
      }
    }
  });
});

test('looking at a basis leaves nothing behind but the basis', (t) => {
  scope(() => {
    const subspaces = lazySubspaces(settings);
    const state = subspaces.initialize(8, 3, 'float32');
    const gradient = draw([12, 8], 'g');
    const before = liveHandles();
    for (const updates of [0, 1, 2]) basisFor(subspaces, gradient, state, updates).dispose();
    t.is(liveHandles(), before);
  });
});
