import test from 'ava';
import { mostPacked } from '../../../crds/names/most-packed.ts';
import { packedMessage, poolOrder } from '../../../crds/wire/packed.ts';

test('a message or an end is of a run that the process was started with', (t) => {
  const message = { type: 'warning', reason: 'Waiting', message: 'it waits', time: 1 };
  t.true(packedMessage.safeParse({ run: 0, message }).success);
  t.true(packedMessage.safeParse({ run: mostPacked - 1, exitCode: 75 }).success);
  for (const run of [-1, 0.5, mostPacked]) {
    t.false(packedMessage.safeParse({ run, exitCode: 0 }).success, `${run}`);
  }
  t.false(packedMessage.safeParse({ run: 0 }).success);
  t.false(packedMessage.safeParse(message).success, 'without saying whose');
});

test('runs come and go by a number that is free', (t) => {
  for (const order of ['stop', { attach: '/run', run: 3 }, { detach: 3 }]) {
    t.true(poolOrder.safeParse(order).success, JSON.stringify(order));
  }
  for (const order of [
    'save',
    { attach: '', run: 3 },
    { detach: mostPacked },
    { attach: '/run' },
  ]) {
    t.false(poolOrder.safeParse(order).success, JSON.stringify(order));
  }
});
