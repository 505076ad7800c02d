import test from 'ava';
import { measured } from '../../../crds/explain/measured.generated.ts';
import { measuredLora, measuredOf, spreadOfLora } from '../../../crds/explain/measured.ts';
import { adapterEntries } from '../../../crds/methods/adapter-traits.ts';
import { presets } from '../../../crds/methods/index.ts';

test('every adapter was measured, or is known as one that was not', (t) => {
  for (const { type } of adapterEntries) t.not(measuredOf(type), undefined, type);
});

test('what was measured is known by names of presets', (t) => {
  const names: readonly string[] = presets.map(({ preset }) => preset);
  t.deepEqual(
    Object.keys(measured.methods).filter((name) => !names.includes(name)),
    [],
  );
});

test('what does not stand in place of LoRA has nothing, whatever its name', (t) => {
  for (const name of ['Full', 'QLoRA', 'toString']) t.is(measuredOf(name), undefined);
});

test('LoRA is held against itself, and its seeds lie apart', (t) => {
  const { besideLora, after, seeds } = measuredLora();
  t.deepEqual(besideLora, { median: 0, least: 0, most: 0 });
  t.true(seeds > 1);
  t.is(spreadOfLora(), (after?.most ?? Number.NaN) - (after?.least ?? Number.NaN));
  t.true(spreadOfLora() > 0);
});
