import test from 'ava';
import { adapterGoals } from '../../../crds/explain/adapters.ts';
import { axisEntries } from '../../../crds/methods/index.ts';

test('each adapter is told once, with its size', (t) => {
  const found = adapterGoals().flatMap(({ choices }) => choices);
  const types = axisEntries.adapter.map(({ type }) => type).filter((type) => type !== 'None');
  t.deepEqual(found.map(({ type }) => type).sort(), [...types].sort());
  for (const { type, trained, bytes } of found) {
    t.true(trained > 10_000 && trained < 134_515_008, type);
    t.true(bytes > 2 ** 30 && bytes < 2 ** 34, type);
  }
  const lora = found.find(({ type }) => type === 'LoRA');
  // 30 blocks, rank 16: q and o 576 + 576, k and v 576 + 192, gate, up and down 576 + 1536.
  t.is(lora?.trained, 30 * 16 * (2 * 1152 + 2 * 768 + 3 * 2112));
});

test('no goal is without an adapter', (t) => {
  t.deepEqual(
    adapterGoals().filter(({ choices }) => choices.length === 0),
    [],
  );
});
