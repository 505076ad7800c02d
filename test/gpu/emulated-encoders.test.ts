// A step of encoders on the emulated device: what the processor has, with every tape that a device
// may keep.
import test from 'ava';
import { encoderNames } from '../../worker/encoder/families.ts';
import { hasGradientsOfProcessor } from '../builders/device-step.ts';
import { classSequence, encoderSource, toyExamples } from '../toy/encoder.ts';

await import('./on-device.ts');

const packed = [
  classSequence(toyExamples, { padding: 30 }),
  classSequence(toyExamples.slice(0, 1), { key: 1 }),
  classSequence([], { padding: 4, key: 2 }),
];

for (const name of encoderNames) {
  test.serial(`${name} has the gradients of the processor on a device`, (t) => {
    hasGradientsOfProcessor(t, encoderSource(name), packed, { sequenceLength: 16 });
  });
}
