// A step of a tracker on the emulated device: what the processor has, with every tape that a device
// may keep.
import test from 'ava';
import { lora } from '../../worker/methods/adapters/lora.ts';
import { hasGradientsOfProcessor } from '../builders/device-step.ts';
import { toyTracker, trackedSequence, trackingSource } from '../toy/tracking.ts';

await import('./on-device.ts');

const config = toyTracker();
const batch = [
  trackedSequence(config, [1, 2], { padding: 3 }),
  trackedSequence(config, [4], { key: 1 }),
];

const methods = {
  'all of it': null,
  factors: lora({
    ...{ rank: 4, alpha: 8, dropout: 0.1, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'Both', targets: () => true, seed: 5n, dtype: 'float64' },
  }),
};

for (const [name, adapter] of Object.entries(methods)) {
  test.serial(`a tracker has the gradients of the processor on a device: ${name}`, (t) => {
    hasGradientsOfProcessor(t, trackingSource(), batch, {
      ...{ sequenceLength: undefined, adapter },
      trained: ({ parameters }) => parameters.trained().length,
    });
  });
}
