import test from 'ava';
import fc from 'fast-check';
import { WorkQueue } from '../../../operator/runtime/work-queue.ts';
import { FakeClock } from '../../doubles/clock.ts';

const never = new AbortController().signal;
const fixture = () => {
  const clock = new FakeClock();
  return { clock, queue: new WorkQueue({ clock, random: () => 0 }) };
};

test('a key that is added many times is in line once', async (t) => {
  const { queue } = fixture();
  for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
  t.is(queue.depth, 2);
  t.is((await queue.take(never)).key, 'a');
  t.is((await queue.take(never)).key, 'b');
});

test('a key that is added while it is worked on comes again, and not before it is done', async (t) => {
  const { queue } = fixture();
  queue.add('a');
  await queue.take(never);
  queue.add('a');
  t.is(queue.depth, 0);
  queue.done('a');
  t.is(queue.depth, 1);
});

test('adds are counted as Go counts them: not of a key that waits already, and once for work that comes again', async (t) => {
  let adds = 0;
  const queue = new WorkQueue({ clock: new FakeClock(), random: () => 0, added: () => adds++ });
  for (const key of ['a', 'a', 'b']) queue.add(key);
  t.is(adds, 2);
  await queue.take(never);
  t.is(adds, 2, 'taking is no add');
  for (const key of ['a', 'a']) queue.add(key);
  t.is(adds, 3);
  queue.done('a');
  t.is(adds, 3, 'its place in line was counted when it was added');
});

test('work under way is told with its time, until it is done', async (t) => {
  const { queue, clock } = fixture();
  for (const key of ['a', 'b']) queue.add(key);
  await queue.take(never);
  clock.advance(2_000);
  await queue.take(never);
  clock.advance(1_000);
  t.deepEqual(queue.workUnderWayMs, [3_000, 1_000]);
  queue.done('a');
  t.deepEqual(queue.workUnderWayMs, [1_000]);
});

test('of several delays of a key the earliest counts', async (t) => {
  const { queue, clock } = fixture();
  queue.addAfter('a', 5_000);
  queue.addAfter('a', 1_000);
  queue.addAfter('a', 9_000);
  clock.advance(1_000);
  t.is((await queue.take(never)).key, 'a');
  queue.done('a');
  clock.advance(60_000);
  await Promise.resolve();
  t.is(queue.depth, 0);
});

test('retries of a key come later each time until it succeeds', async (t) => {
  const { queue, clock } = fixture();
  const dueAfter = async (ms: number) => {
    queue.retry('a');
    clock.advance(ms - 1);
    await Promise.resolve();
    const early = queue.depth;
    clock.advance(1);
    await Promise.resolve();
    await queue.take(never);
    queue.done('a');
    return early === 0;
  };
  t.true(await dueAfter(5));
  t.true(await dueAfter(10));
  t.true(await dueAfter(20));
  queue.succeeded('a');
  t.true(await dueAfter(5));
});

test('the server’s word about waiting is kept', async (t) => {
  const { queue, clock } = fixture();
  queue.retry('a', 3_000);
  clock.advance(2_999);
  await Promise.resolve();
  t.is(queue.depth, 0);
  clock.advance(1);
  await Promise.resolve();
  t.is(queue.depth, 1);
});

test('waiting for a key ends when aborted', async (t) => {
  const { queue } = fixture();
  const stop = new AbortController();
  const taken = queue.take(stop.signal);
  stop.abort(new Error('the end'));
  await t.throwsAsync(taken, { message: 'the end' });
  queue.add('a');
  t.is((await queue.take(never)).key, 'a');
});

test('no key is lost and none is worked on twice at once, whatever the order of events', async (t) => {
  const event = fc.oneof(
    fc.record({ type: fc.constant('add' as const), key: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ type: fc.constant('delay' as const), key: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ type: fc.constant('take' as const) }),
    fc.record({ type: fc.constant('done' as const) }),
    fc.record({ type: fc.constant('time' as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
      const { queue, clock } = fixture();
      const owed = new Set<string>();
      const working: string[] = [];
      const takeOne = async () => {
        const { key } = await queue.take(never);
        if (working.includes(key)) throw new Error(`${key} is worked on twice`);
        working.push(key);
        owed.delete(key);
      };
      for (const each of events) {
        if (each.type === 'add') {
          queue.add(each.key);
          owed.add(each.key);
        } else if (each.type === 'delay') {
          queue.addAfter(each.key, 10);
          owed.add(each.key);
        } else if (each.type === 'take' && queue.depth > 0) await takeOne();
        else if (each.type === 'done') {
          const key = working.shift();
          if (key !== undefined) queue.done(key);
        } else if (each.type === 'time') {
          clock.advance(10);
          await Promise.resolve();
        }
      }
      clock.advance(10);
      await Promise.resolve();
      for (const key of working.splice(0)) queue.done(key);
      while (queue.depth > 0) {
        await takeOne();
        queue.done(working.shift()!);
      }
      return owed.size === 0;
    }),
    { numRuns: 300 },
  );
  t.pass();
});
