// What methods hook into convolutions by.
import test from 'ava';
import type { FineTuneJobSpec } from '../../../crds/api/job.ts';
import { resolveMethod } from '../../../crds/methods/resolve.ts';
import { decidedRanks, linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { adapterOf } from '../../../worker/methods/adapters/index.ts';
import { full } from '../../../worker/tensor/ops.generated.ts';
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

test('ranks that a job decides are those of the convolutions of each block, in order', (t) => {
  const method = resolveMethod({ preset: 'CoLoRA' } as FineTuneJobSpec['method']);
  const adapter = adapterOf(method, 5n, 'float32');
  if (adapter === null) return t.fail();
  const rankOf = (name: string) => full([], Number(/\d+/.exec(name)?.[0]), { dtype: 'int64' });
  t.deepEqual(decidedRanks(source.config, adapter, rankOf), { 'body.2': [2, 6], 'body.4': [4, 8] });
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
