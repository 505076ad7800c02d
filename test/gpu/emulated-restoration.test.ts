// A step of a network that restores pictures on the emulated device: what the processor has, with
// every tape that a device may keep.
import test from 'ava';
import { buildModel } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import { lora } from '../../worker/methods/adapters/lora.ts';
import type { Device } from '../../worker/tensor/device.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { gradientsOf, stepGap } from '../builders/training.ts';
import { pairSequence, restorationSource } from '../toy/restoration.ts';

await import('./on-device.ts');

/** Two orders of the same sums in float64, on gradients of size 1. */
const reordered = 1e-12;

const source = restorationSource({ upscale: 3 });
const batch = [
  pairSequence([1, 2], { scale: 3 }),
  pairSequence([4], { height: 7, width: 3, scale: 3, key: 1 }),
];

const methods = {
  'all of it': null,
  factors: lora({
    ...{ rank: 4, alpha: 8, dropout: 0.1, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'KaimingUniform', targets: () => true, seed: 5n, dtype: 'float64' },
  }),
};

for (const [name, adapter] of Object.entries(methods)) {
  const onDevice = (device: Device): Model => {
    const load: typeof source.load = (each, dtype) => scope(() => source.load(each, dtype), 'cpu');
    const options = { dtype: 'float64', adapter, sequenceLength: 64, device } as const;
    return buildModel({ ...source, load }, options);
  };
  test.serial(`a network has the gradients of the processor on a device: ${name}`, (t) => {
    const host = scope(() => onDevice('cpu'), 'cpu');
    using _host = host.parameters;
    const there = onDevice('cuda:0');
    using _there = there.parameters;
    const expected = scope(() => gradientsOf(host, batch), 'cpu');
    const kept = gradientsOf(there, batch, 'keep');
    t.true(there.parameters.all().every(({ value }) => value.device === 'cuda:0'));
    t.is(kept.gradients.size, there.parameters.trained().length);
    const gap = stepGap(expected, kept);
    t.true(gap <= reordered, `${gap}`);
    t.deepEqual(gradientsOf(there, batch, 'recompute'), kept);
  });
}
