// A step of encoders on the emulated device: what the processor has, with every tape that a device
// may keep.
import test from 'ava';
import { encoderNames } from '../../worker/encoder/families.ts';
import { buildModel } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import type { Device } from '../../worker/tensor/device.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { gradientsOf, stepGap } from '../builders/training.ts';
import { classSequence, encoderSource, toyExamples } from '../toy/encoder.ts';

await import('./on-device.ts');

/** Two orders of the same sums in float64, on gradients of size 10. */
const reordered = 1e-12;

const packed = [
  classSequence(toyExamples, { padding: 30 }),
  classSequence(toyExamples.slice(0, 1), { key: 1 }),
  classSequence([], { padding: 4, key: 2 }),
];

function onDevice(source: ReturnType<typeof encoderSource>, device: Device): Model {
  const load: typeof source.load = (name, dtype) => scope(() => source.load(name, dtype), 'cpu');
  const options = { dtype: 'float64', adapter: null, sequenceLength: 16, device } as const;
  return buildModel({ ...source, load }, options);
}

for (const name of encoderNames) {
  test.serial(`${name} has the gradients of the processor on a device`, (t) => {
    const source = encoderSource(name);
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
