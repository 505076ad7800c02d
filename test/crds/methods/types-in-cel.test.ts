import test from 'ava';
import { adapterEntries } from '../../../crds/methods/adapter-traits.ts';
import { givenInCel } from '../../../crds/methods/types-in-cel.ts';
import { celHolds } from '../../doubles/cel.ts';

test('parameters of an adapter in CEL: its default holds where the job leaves it out, nothing else does', (t) => {
  const nlora = adapterEntries.find(({ type }) => type === 'NLoRA')!;
  const [all, core] = [{ train: 'All' }, { train: 'Core' }].map((one) => givenInCel(nlora, one));
  const holds = (method: object) => [all!, core!].map((cel) => celHolds(cel, { method }));
  t.deepEqual(holds({ preset: 'NLoRA' }), [true, false]);
  t.deepEqual(holds({ adapter: { type: 'NLoRA' } }), [true, false]);
  t.deepEqual(holds({ adapter: { type: 'NLoRA', nlora: { rank: 8 } } }), [true, false]);
  t.deepEqual(holds({ adapter: { type: 'NLoRA', nlora: { train: 'All' } } }), [true, false]);
  t.deepEqual(holds({ adapter: { type: 'NLoRA', nlora: { train: 'Core' } } }), [false, true]);
  t.deepEqual(holds({ adapter: { type: 'SLoRA' } }), [false, false]);
  t.deepEqual(holds({ preset: 'Full' }), [false, false]);
});
