import { readFileSync } from 'node:fs';
import test from 'ava';
import * as ops from '../../../worker/tensor/ops.generated.ts';
import { operatorNames } from '../../../worker/tensor/ops.list.ts';
import { printOperators } from '../../../worker/tensor/print-ops.ts';

test('the committed operators are those of the loaded libraries', (t) => {
  const committed = new URL('../../../worker/tensor/ops.generated.ts', import.meta.url);
  t.is(readFileSync(committed, 'utf8'), printOperators());
});

test('each name of the list is a function', (t) => {
  t.deepEqual(Object.keys(ops).sort(), Object.keys(operatorNames).sort());
});

test('no two names of the list mean the same operator', (t) => {
  const operators = Object.values(operatorNames);
  t.is(new Set(operators).size, operators.length);
});
