// A step of two towers on the emulated device: what the processor has, with every tape that a
// device may keep.
import test from 'ava';
import { buildModel } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import type { Device } from '../../worker/tensor/device.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { gradientsOf, stepGap } from '../builders/training.ts';
import { clipSource, ofClasses, pairs } from '../toy/clip.ts';
import type { ClipToy } from '../toy/clip-json.ts';

await import('./on-device.ts');

/** Two orders of the same sums in float64, on gradients of size 10. */
const reordered = 1e-12;

function onDevice(name: ClipToy, device: Device): Model {
  const source = clipSource(name);
  const load: typeof source.load = (tensor, dtype) =>
    scope(() => source.load(tensor, dtype), 'cpu');
  const options = { dtype: 'float64', adapter: null, sequenceLength: 16, device } as const;
  return buildModel({ ...source, load }, options);
}

const batches = {
  pairs: [pairs([1, 2, 3], { padding: 5 }), pairs([4], { key: 1 })],
  classes: [
    ofClasses([{ seed: 1, label: 2 }]),
    ofClasses([{ seed: 2, label: 0 }], { key: 1, brings: false }),
  ],
};

for (const name of ['clip', 'dual'] as const) {
  for (const [of, sequences] of Object.entries(batches)) {
    test.serial(`${name} has the gradients of the processor on a device: ${of}`, (t) => {
      const host = scope(() => onDevice(name, 'cpu'), 'cpu');
      using _host = host.parameters;
      const there = onDevice(name, 'cuda:0');
      using _there = there.parameters;
      const expected = scope(() => gradientsOf(host, sequences), 'cpu');
      const kept = gradientsOf(there, sequences, 'keep');
      t.true(there.parameters.all().every(({ value }) => value.device === 'cuda:0'));
      t.is(kept.gradients.size, there.parameters.all().length);
      const gap = stepGap(expected, kept);
      t.true(gap <= reordered, `${gap}`);
      t.deepEqual(gradientsOf(there, sequences, 'recompute'), kept);
    });
  }
}
