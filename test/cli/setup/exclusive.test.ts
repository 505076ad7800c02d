import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { exclusively } from '../../../cli/setup/exclusive.ts';
import { aSetup } from '../../doubles/machine.ts';

test('two bodies of one name never run at the same time', async (t) => {
  const { setup } = await aSetup(t);
  let inside = 0;
  const most: number[] = [];
  const body = async () => {
    inside += 1;
    most.push(inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(() => exclusively(setup, 'entry', body)));
  t.deepEqual(most, [1, 1, 1]);
  t.deepEqual(await readdir(setup.cache.locks), []);
});

test('a body that fails gives the lock back', async (t) => {
  const { setup } = await aSetup(t);
  await t.throwsAsync(exclusively(setup, 'entry', () => Promise.reject(new Error('disk'))));
  t.is(await exclusively(setup, 'entry', async () => 'again'), 'again');
});

test('the lock of a process that has ended is taken over', async (t) => {
  const { setup } = await aSetup(t);
  await mkdir(setup.cache.locks, { recursive: true });
  // Linux gives no process this number: the highest allowed one is 2^22.
  await writeFile(join(setup.cache.locks, 'entry.lock'), `${2 ** 30} ${hostname()}\n`);
  t.is(await exclusively(setup, 'entry', async () => 'done'), 'done');
});

test('who waits says for whom, and stops waiting when told to', async (t) => {
  const { setup, printed } = await aSetup(t);
  await mkdir(setup.cache.locks, { recursive: true });
  await writeFile(join(setup.cache.locks, 'entry.lock'), `${process.pid} ${hostname()}\n`);
  const stop = new AbortController();
  const note = (text: string) => {
    setup.steps.note(text);
    stop.abort();
  };
  const waiting = { ...setup, signal: stop.signal, steps: { ...setup.steps, note } };
  await t.throwsAsync(exclusively(waiting, 'entry', async () => t.fail('it was not free')));
  t.is(printed(), `entry: process ${process.pid} is building it; waiting\n`);
});
