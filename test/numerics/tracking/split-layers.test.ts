// The trunk's authors have queries, keys and values in one matrix; factors of each of them are
// those of that matrix with blocks: A of all below each other, and B with zeros beside its blocks.
import test from 'ava';
import { linearLayers } from '../../../worker/engine/adapted-layers.ts';
import { denseChange } from '../../../worker/methods/adapters/delta.ts';
import { lora } from '../../../worker/methods/adapters/lora.ts';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { scope } from '../../../worker/tensor/scope.ts';
import { type Tensor, toArray } from '../../../worker/tensor/tensor.ts';
import { toyTracker } from '../../toy/tracking.ts';

test('factors of split queries, keys and values are factors of the fused matrix', (t) => {
  const adapter = lora({
    ...{ rank: 3, alpha: 6, dropout: 0, scaling: 'Standard', learningRateRatio: 1 },
    ...{ initialization: 'Both', targets: () => true, seed: 5n, dtype: 'float64' },
  });
  const all = linearLayers(toyTracker());
  const split = all.filter(({ path }) => /\.0\.attention\.[qkv]_proj$/.test(path));
  t.is(split.length, 3);
  scope(() => {
    const factors = split.map((layer) => {
      const { trained } = adapter.initialize(layer, () => {
        throw new Error('LoRA reads no weight');
      });
      const of = (suffix: string): Tensor => {
        const found = trained[suffix];
        if (found === undefined) throw new Error(`no ${suffix}`);
        return found;
      };
      const delta = adapter.factors(layer, of, null);
      const [out, inputs] = [layer.out, layer.in];
      const change = denseChange(delta, inputs, [0, out], 'float64');
      return { change, A: of('lora_A.weight'), B: of('lora_B.weight') };
    });
    const H = split[0]?.in ?? 0;
    const below = ops.cat(factors.map(({ A }) => A));
    const blocks = factors.map(({ B }, i) =>
      ops.cat(
        factors.map((_, k) => (k === i ? B : ops.zeros([H, 3], { dtype: 'float64' }))),
        1,
      ),
    );
    // Both without their scale.
    const fused = ops.mm(ops.cat(blocks), below);
    const found = toArray(ops.cat(factors.map(({ change }) => change)));
    const gap = Math.max(...toArray(fused).map((x, i) => Math.abs(x - (found[i] ?? Number.NaN))));
    t.true(gap <= 1e-15, `${gap}`);
  });
});
