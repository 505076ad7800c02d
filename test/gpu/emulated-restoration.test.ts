// A step of a network that restores pictures on the emulated device: what the processor has, with
// every tape that a device may keep.
import test from 'ava';
import { lora } from '../../worker/methods/adapters/lora.ts';
import { hasGradientsOfProcessor } from '../builders/device-step.ts';
import { pairSequence, restorationSource } from '../toy/restoration.ts';

await import('./on-device.ts');

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
  test.serial(`a network has the gradients of the processor on a device: ${name}`, (t) => {
    hasGradientsOfProcessor(t, source, batch, {
      ...{ sequenceLength: 64, adapter },
      trained: ({ parameters }) => parameters.trained().length,
    });
  });
}
