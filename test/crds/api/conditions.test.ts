import test from 'ava';
import {
  condition,
  conditionMeaning,
  conditionTypes,
  isTerminal,
  phases,
} from '../../../crds/api/conditions.ts';
import { failures } from '../../../crds/failures/table.ts';

test('every condition type says what True means', (t) => {
  t.deepEqual(Object.keys(conditionMeaning), [...conditionTypes]);
});

test('only the two ends are terminal', (t) => {
  t.deepEqual(phases.filter(isTerminal), ['Succeeded', 'Failed']);
});

test('every reason of the table of failures may stand in a condition', (t) => {
  const base = {
    type: 'Failed',
    status: 'True',
    lastTransitionTime: '2026-01-31T12:00:00Z',
    message: 'm',
  };
  for (const { reason } of Object.values(failures))
    t.true(condition.safeParse({ ...base, reason }).success);
});
