// A step of diffusion transformers on the emulated device: what the processor has, with every tape
// that a device may keep, and what blocks read beside their stream.
import test from 'ava';
import { hasGradientsOfProcessor } from '../builders/device-step.ts';
import { diffusionSource, noisedPictures } from '../toy/diffusion.ts';

await import('./on-device.ts');

for (const [name, changes] of Object.entries({ plain: {}, variance: { out_channels: 4 } })) {
  test.serial(`a diffusion transformer has the gradients of the processor: ${name}`, (t) => {
    const packed = [
      noisedPictures([0, 1, 2], { changes }),
      noisedPictures([7], { key: 1, changes }),
    ];
    hasGradientsOfProcessor(t, diffusionSource(changes), packed, { sequenceLength: 64 });
  });
}
