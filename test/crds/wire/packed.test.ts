import test from 'ava';
import { mostPacked, packedMessage } from '../../../crds/wire/packed.ts';

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
