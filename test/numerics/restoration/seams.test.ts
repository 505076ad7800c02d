// What methods hook into convolutions by.
import test from 'ava';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { learnsBesideCodes, rotates, showsInputs } from '../../builders/hooked.ts';
import { pairSequence, restorationSource } from '../../toy/restoration.ts';

const source = restorationSource({ num_feat: 32 });
const network = { source, sequences: [pairSequence([1, 2])], sequenceLength: 64 };

test('the layers of a block are its convolutions, as products of patches', (t) => {
  t.deepEqual(
    linearLayers(source.config).map(({ model: _, ...layer }) => layer),
    ['body.2', 'body.4', 'body.6', 'body.8'].map((path, i) => ({
      ...{ path, layer: Math.floor(i / 2), role: 'conv', out: 32, in: 288, kernel: 3 },
    })),
  );
});

test('an observer sees the patches of each convolution, and changes no bit', (t) => {
  showsInputs(t, network, () => 40);
});

test('products that are rotated but not rounded have the same gradients', (t) => {
  rotates(t, network, (path) => path === 'body.6');
});

test('factors beside weights in 4 bits learn from what these decode to', (t) => {
  learnsBesideCodes(t, network, 8);
});
