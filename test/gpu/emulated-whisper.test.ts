// A step of Whisper on the emulated device: what the processor has, with every tape that a device
// may keep.
import test from 'ava';
import { hasGradientsOfProcessor } from '../builders/device-step.ts';
import { soundSequence, toySounds, whisperSource } from '../toy/whisper.ts';

await import('./on-device.ts');

test.serial('Whisper has the gradients of the processor on a device', (t) => {
  const packed = [
    soundSequence(toySounds, { padding: 30 }),
    soundSequence(toySounds.slice(0, 1), { key: 1, frames: 9 }),
    soundSequence([], { padding: 4, key: 2 }),
  ];
  hasGradientsOfProcessor(t, whisperSource(), packed, {
    sequenceLength: 16,
    // All but the fixed positions.
    trained: ({ parameters }) => parameters.all().length - 1,
  });
});
