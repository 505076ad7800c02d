import test from 'ava';
import { conditionOf, isTrue, setCondition } from '../../../operator/runtime/conditions.ts';

const change = (status: 'True' | 'False', reason = 'R') =>
  ({ type: 'Running', status, reason, message: 'm' }) as const;

test('the time of a condition moves when its status does, not when its words do', (t) => {
  const first = setCondition([], change('True'), { now: 1_000_000, generation: 1 });
  const second = setCondition(first, change('True', 'Other'), { now: 2_000_000, generation: 2 });
  const third = setCondition(second, change('False'), { now: 3_000_000, generation: 2 });
  t.is(conditionOf(second, 'Running')?.lastTransitionTime, '1970-01-01T00:16:40Z');
  t.is(conditionOf(second, 'Running')?.observedGeneration, 2);
  t.is(conditionOf(third, 'Running')?.lastTransitionTime, '1970-01-01T00:50:00Z');
});

test('setting a condition leaves the others and the old list alone', (t) => {
  const stamp = { now: 0, generation: 1 };
  const before = setCondition([], change('True'), stamp);
  const after = setCondition(before, { ...change('True'), type: 'Failed' }, stamp);
  t.is(before.length, 1);
  t.deepEqual(
    after.map(({ type }) => type),
    ['Running', 'Failed'],
  );
  t.true(isTrue(after, 'Running'));
  t.false(isTrue(after, 'Complete'));
});
