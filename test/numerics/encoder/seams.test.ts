// What methods hook into an encoder by.
import test from 'ava';
import { learnsBesideCodes, rotates, showsInputs } from '../../builders/hooked.ts';
import { classSequence, encoderSource, toyExamples } from '../../toy/encoder.ts';

const source = encoderSource('bert', { hidden_size: 64, intermediate_size: 96 });
const packed = classSequence(toyExamples, { padding: 2 });
const encoder = { source, sequences: [packed], sequenceLength: 16 };

test('an observer sees the input of each linear layer, and changes no bit', (t) => {
  showsInputs(t, encoder, () => packed.ids.length);
});

test('products that are rotated but not rounded have the same gradients', (t) => {
  rotates(t, encoder, (path) => path.endsWith('layer.1.attention.self.key'));
});

test('factors beside weights in 4 bits learn from what these decode to', (t) => {
  // Of six layers in two blocks, and the layer of classes, which trains beside any adapter.
  learnsBesideCodes(t, encoder, 2 * 12 + 2);
});
