// A step of vision transformers on the emulated device: what the processor has, with every tape
// that a device may keep, also where positions are resized.
import test from 'ava';
import { buildModel } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import type { Device } from '../../worker/tensor/device.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { visionConfig } from '../../worker/vision/config.ts';
import { visionNames } from '../../worker/vision/families.ts';
import { gradientsOf, stepGap } from '../builders/training.ts';
import { pictureSequence, toyPictures, visionSource, widePictures } from '../toy/vision.ts';

await import('./on-device.ts');

/** Two orders of the same sums in float64, on gradients of size 10. */
const reordered = 1e-12;

function onDevice(source: ReturnType<typeof visionSource>, device: Device): Model {
  const load: typeof source.load = (name, dtype) => scope(() => source.load(name, dtype), 'cpu');
  const options = { dtype: 'float64', adapter: null, sequenceLength: 64, device } as const;
  return buildModel({ ...source, load }, options);
}

for (const name of visionNames) {
  test.serial(`${name} has the gradients of the processor on a device`, (t) => {
    const source = visionSource(name);
    const config = visionConfig(source.config);
    const packed = [
      pictureSequence(config, toyPictures, { padding: 30 }),
      pictureSequence(config, widePictures.slice(0, 1), { key: 1 }),
      pictureSequence(config, [], { padding: 4, key: 2 }),
    ];
    const host = scope(() => onDevice(source, 'cpu'), 'cpu');
    using _host = host.parameters;
    const there = onDevice(source, 'cuda:0');
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
