import test from 'ava';
import { gate, gatherThrough } from '../../../worker/remote/gate.ts';

const never = new AbortController().signal;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('No more tasks run at once than the gate lets in, and results keep their order', async (t) => {
  const through = gate(3);
  let running = 0;
  let most = 0;
  const results = await gatherThrough(
    Array.from({ length: 20 }, (_, i) => i),
    through,
    async (i) => {
      running += 1;
      most = Math.max(most, running);
      for (let turns = 0; turns < (i * 7) % 5; turns += 1) await turn();
      running -= 1;
      return i * 2;
    },
    never,
  );
  t.is(most, 3);
  t.deepEqual(
    results,
    Array.from({ length: 20 }, (_, i) => i * 2),
  );
});

test('The first failure stops the others, and is thrown after they have ended', async (t) => {
  const ended: number[] = [];
  const started: number[] = [];
  const failing = gatherThrough(
    [0, 1, 2, 3, 4, 5],
    gate(2),
    async (i, signal) => {
      started.push(i);
      if (i === 0) throw new Error('first');
      while (!signal.aborted) await turn();
      ended.push(i);
      throw new Error('second');
    },
    never,
  );
  await t.throwsAsync(failing, { message: 'first' });
  t.deepEqual(started, [0, 1]);
  t.deepEqual(ended, [1]);
});

test('A task that fails leaves its place to the next', async (t) => {
  const through = gate(1);
  await t.throwsAsync(through(async () => Promise.reject(new Error('failed'))));
  t.is(await through(async () => 'in'), 'in');
});
