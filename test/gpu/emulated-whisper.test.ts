// A step of Whisper on the emulated device: what the processor has, with every tape that a device
// may keep.
import test from 'ava';
import { buildModel } from '../../worker/engine/build-model.ts';
import type { Model } from '../../worker/engine/model.ts';
import type { Device } from '../../worker/tensor/device.ts';
import { scope } from '../../worker/tensor/scope.ts';
import { gradientsOf, stepGap } from '../builders/training.ts';
import { soundSequence, toySounds, whisperSource } from '../toy/whisper.ts';

await import('./on-device.ts');

/** Two orders of the same sums in float64, on gradients of size 10. */
const reordered = 1e-12;

function onDevice(device: Device): Model {
  const source = whisperSource();
  const load: typeof source.load = (name, dtype) => scope(() => source.load(name, dtype), 'cpu');
  const options = { dtype: 'float64', adapter: null, sequenceLength: 16, device } as const;
  return buildModel({ ...source, load }, options);
}

test.serial('Whisper has the gradients of the processor on a device', (t) => {
  const packed = [
    soundSequence(toySounds, { padding: 30 }),
    soundSequence(toySounds.slice(0, 1), { key: 1, frames: 9 }),
    soundSequence([], { padding: 4, key: 2 }),
  ];
  const host = scope(() => onDevice('cpu'), 'cpu');
  using _host = host.parameters;
  const there = onDevice('cuda:0');
  using _there = there.parameters;
  const expected = scope(() => gradientsOf(host, packed), 'cpu');
  const kept = gradientsOf(there, packed, 'keep');
  t.true(there.parameters.all().every(({ value }) => value.device === 'cuda:0'));
  // All but the fixed positions.
  t.is(kept.gradients.size, there.parameters.all().length - 1);
  const gap = stepGap(expected, kept);
  t.true(gap <= reordered, `${gap}`);
  t.deepEqual(gradientsOf(there, packed, 'recompute'), kept);
});
