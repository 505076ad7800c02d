// A step of vision transformers on the emulated device: what the processor has, with every tape
// that a device may keep, also where positions are resized.
import test from 'ava';
import { visionConfig } from '../../worker/vision/config.ts';
import { visionNames } from '../../worker/vision/families.ts';
import { hasGradientsOfProcessor } from '../builders/device-step.ts';
import { pictureSequence, toyPictures, visionSource, widePictures } from '../toy/vision.ts';

await import('./on-device.ts');

for (const name of visionNames) {
  test.serial(`${name} has the gradients of the processor on a device`, (t) => {
    const source = visionSource(name);
    const config = visionConfig(source.config);
    const packed = [
      pictureSequence(config, toyPictures, { padding: 30 }),
      pictureSequence(config, widePictures.slice(0, 1), { key: 1 }),
      pictureSequence(config, [], { padding: 4, key: 2 }),
    ];
    hasGradientsOfProcessor(t, source, packed, { sequenceLength: 64 });
  });
}
