// A step of diffusion transformers on the emulated device: what the processor has, with every tape
// that a device may keep, and what blocks read beside their stream.
import test from 'ava';
import { buildModel } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import type { Device } from '../../worker/tensor/device.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { gradientsOf, stepGap } from '../builders/training.ts';
import { diffusionSource, noisedPictures } from '../toy/diffusion.ts';

await import('./on-device.ts');

/** Two orders of the same sums in float64, on gradients of size 10. */
const reordered = 1e-12;

function onDevice(changes: Parameters<typeof diffusionSource>[0], device: Device): Model {
  const source = diffusionSource(changes);
  const load: typeof source.load = (name, dtype) => scope(() => source.load(name, dtype), 'cpu');
  const options = { dtype: 'float64', adapter: null, sequenceLength: 64, device } as const;
  return buildModel({ ...source, load }, options);
}

for (const [name, changes] of Object.entries({ plain: {}, variance: { out_channels: 4 } })) {
  test.serial(`a diffusion transformer has the gradients of the processor: ${name}`, (t) => {
    const packed = [
      noisedPictures([0, 1, 2], { changes }),
      noisedPictures([7], { key: 1, changes }),
    ];
    const host = scope(() => onDevice(changes, 'cpu'), 'cpu');
    using _host = host.parameters;
    const there = onDevice(changes, 'cuda:0');
    using _there = there.parameters;
    const expected = scope(() => gradientsOf(host, packed), 'cpu');
    const kept = gradientsOf(there, packed, 'keep');
    t.true(there.parameters.all().every(({ value }) => value.device === 'cuda:0'));
    t.is(kept.gradients.size, there.parameters.all().length);
    const gap = stepGap(expected, kept);
    t.true(gap <= reordered, `${gap}`);
    t.deepEqual(gradientsOf(there, packed, 'recompute'), kept);
  });
}
