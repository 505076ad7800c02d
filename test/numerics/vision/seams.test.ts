// What methods hook into a vision transformer by.
import test from 'ava';
import { visionConfig } from '../../../worker/vision/config.ts';
import { learnsBesideCodes, rotates, showsInputs } from '../../builders/hooked.ts';
import { pictureSequence, toyPictures, visionSource } from '../../toy/vision.ts';

const source = visionSource('dinov2', { hidden_size: 64 });
const packed = pictureSequence(visionConfig(source.config), toyPictures, { padding: 2 });
const vision = { source, sequences: [packed], sequenceLength: 64 };

test('an observer sees the input of each linear layer, and changes no bit', (t) => {
  showsInputs(t, vision, () => packed.ids.length);
});

test('products that are rotated but not rounded have the same gradients', (t) => {
  rotates(t, vision, (path) => path.endsWith('layer.1.attention.k_proj'));
});

test('factors beside weights in 4 bits learn from what these decode to', (t) => {
  // Of six layers in two blocks, and the layer of classes, which trains beside any adapter.
  learnsBesideCodes(t, vision, 2 * 12 + 2);
});
