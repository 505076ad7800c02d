import test from 'ava';
import { buildModel } from '../../../../worker/engine/build-model.ts';
import { alternating } from '../../../../worker/methods/selection/alternating.ts';
import { grown } from '../../../../worker/methods/selection/selection.ts';
import { quantNasSource } from '../../../toy/quantnas.ts';
import { supernetJson } from '../../../toy/quantnas-json.ts';

test('weights train alone, then take turns with what chooses; each counts its own updates', (t) => {
  const { parameters } = buildModel(quantNasSource(supernetJson()), {
    ...{ dtype: 'float64', adapter: null, sequenceLength: undefined },
  });
  using _parameters = parameters;
  const selection = alternating(2, parameters);
  const isOfAlphas = (step: number) =>
    selection
      .at(step)(1)
      .map(({ name }) => name.endsWith('.alphas'));
  t.true([0, 1, 3, 5].every((step) => isOfAlphas(step).every((one) => !one)));
  t.deepEqual([2, 4].map(isOfAlphas), [
    [true, true],
    [true, true],
  ]);
  t.is(selection.at(2)('inlet').length, 0);
  let counts = selection.stepCounts(0, {});
  t.deepEqual(Object.keys(counts).sort(), ['0', '0:choices', '1', '1:choices', 'inlet', 'outlet']);
  for (let step = 0; step < 5; step += 1) {
    counts = grown(selection.stepCounts(step, counts), selection.at(step));
  }
  t.deepEqual(counts, { inlet: 3, outlet: 3, 0: 3, 1: 3, '0:choices': 2, '1:choices': 2 });
  t.is(selection.describe(0), 'weights alone, until step 2');
  t.is(selection.describe(3), 'weights and choices in turn');
});
