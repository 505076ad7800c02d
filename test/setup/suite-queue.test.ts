import test from 'ava';
import { createQueue } from './suite-queue.ts';

test('the tests of a file begin when all of the file before have ended, failed ones too', async (t) => {
  const queue = createQueue();
  const [first, none, second] = [queue.join(), queue.join(), queue.join()];
  const began: string[] = [];
  const { promise: end, resolve } = Promise.withResolvers<void>();
  const bodies = [
    second.queued(() => began.push('c')),
    first.queued(async () => {
      began.push('a');
      await end;
    }),
    first.queued(() => {
      began.push('b');
      throw new Error('b fails');
    }),
  ];
  t.not(none, second);
  queue.open();
  const [c, a, b] = bodies.map((body) => body());
  await t.throwsAsync(async () => b, { message: 'b fails' });
  t.deepEqual(began, ['a', 'b']);
  resolve();
  await Promise.all([a, c]);
  t.deepEqual(began, ['a', 'b', 'c']);
});

test('what a body gets and gives back passes through', async (t) => {
  const queue = createQueue();
  const body = queue.join().queued((a: number, b: number) => a * b);
  queue.open();
  t.is(await body(6, 7), 42);
});
