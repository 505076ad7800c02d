import test from 'ava';
import {
  bitOperations,
  choicesOf,
  mostInteger,
  operationNames,
  usualLogStep,
} from '../../../worker/quantnas/space.ts';

test('choices are operations, and widths of each', (t) => {
  const space = { operations: ['simple_3x3', 'simple_1x1'], bits: [4, 8] } as const;
  t.deepEqual(choicesOf(space), [
    { operation: 'simple_3x3', bits: 4 },
    { operation: 'simple_3x3', bits: 8 },
    { operation: 'simple_1x1', bits: 4 },
    { operation: 'simple_1x1', bits: 8 },
  ]);
});

test('a choice costs its products times the bits of both factors', (t) => {
  const products = operationNames.map((operation) => bitOperations({ operation, bits: 2 }, 6) / 4);
  // 36 of channels; 9 and 25 places; half of them for two groups; twice for two convolutions.
  t.deepEqual(products, [36, 36 * 9, 36 * 25, (36 * 9) / 2, 2 * 36 * 9]);
  t.is(bitOperations({ operation: 'simple_1x1', bits: 8 }, 1), 64);
});

test('a usual step has three deviations within the integers', (t) => {
  t.is(mostInteger(4), 7);
  t.true(Math.abs(Math.exp(usualLogStep(0.7, 4)) * 7 - 2.1) < 1e-12);
});
