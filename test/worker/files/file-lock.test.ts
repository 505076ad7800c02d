import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { lockFile } from '../../../worker/files/file-lock.ts';
import { FakeClock } from '../../doubles/clock.ts';
import { temporaryFolder } from '../../doubles/sources.ts';

const never = new AbortController().signal;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Moves the clock on, a little at a time, until the promise has settled. */
async function passTime<T>(clock: FakeClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const mark = () => {
    settled = true;
  };
  promise.then(mark, mark);
  while (!settled) {
    await turn();
    clock.advance(250);
  }
  return promise;
}

test('Only one of many holds the lock, and each gets its turn', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'blob.lock');
  const clock = new FakeClock();
  let inside = 0;
  let done = 0;
  const all = Promise.all(
    Array.from({ length: 8 }, async () => {
      await using _lock = await lockFile(path, clock, never);
      inside += 1;
      t.is(inside, 1);
      await turn();
      inside -= 1;
      done += 1;
    }),
  );
  await passTime(clock, all);
  t.is(done, 8);
  t.deepEqual(await readdir(folder.path), []);
});

test('A lock whose process is dead is taken over at once', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'blob.lock');
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'close');
  const owner = { id: 'gone', host: hostname(), pid: child.pid, started: '1' };
  await writeFile(path, JSON.stringify(owner));
  await using lock = await lockFile(path, new FakeClock(), never);
  t.is(lock.path, path);
  t.deepEqual(await readdir(folder.path), ['blob.lock']);
});

test('A process with the number of a dead one does not keep its lock', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'blob.lock');
  // This process lives, but began at another time than the owner of the lock.
  const owner = { id: 'gone', host: hostname(), pid: process.pid, started: 'before the restart' };
  await writeFile(path, JSON.stringify(owner));
  await using lock = await lockFile(path, new FakeClock(), never);
  t.is(lock.path, path);
});

test('A lock whose owner lives on this machine is never taken over, however long it is silent', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'blob.lock');
  // Made by the lock itself, so that it says of this process what the lock looks for; then nobody
  // touches it.
  const before = await lockFile(path, new FakeClock(), never);
  const clock = new FakeClock();
  let taken = false;
  const waiting = lockFile(path, clock, never).then((lock) => {
    taken = true;
    return lock;
  });
  for (let passed = 0; passed < 600_000; passed += 5000) {
    clock.advance(5000);
    await turn();
  }
  t.false(taken);
  t.true((await readdir(folder.path)).includes('blob.lock'));
  await before[Symbol.asyncDispose]();
  await using _lock = await passTime(clock, waiting);
  t.true(taken);
});

test('A lock of another machine is kept while it is touched, and taken over after a minute of silence', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'blob.lock');
  await writeFile(path, JSON.stringify({ id: 'far', host: 'elsewhere', pid: 1, started: '1' }));
  const clock = new FakeClock();
  const began = clock.monotonic();
  let waited = 0;
  const lock = await passTime(
    clock,
    lockFile(path, clock, never, () => {
      waited += 1;
    }),
  );
  t.true(clock.monotonic() - began >= 60_000);
  t.is(waited, 1);
  await lock[Symbol.asyncDispose]();
});

test('Of many that find a dead lock exactly one takes it over', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'blob.lock');
  await writeFile(path, JSON.stringify({ id: 'far', host: 'elsewhere', pid: 1, started: '1' }));
  const clock = new FakeClock();
  let inside = 0;
  await passTime(
    clock,
    Promise.all(
      Array.from({ length: 6 }, async () => {
        await using _lock = await lockFile(path, clock, never);
        inside += 1;
        t.is(inside, 1);
        await turn();
        inside -= 1;
      }),
    ),
  );
  t.deepEqual(await readdir(folder.path), []);
});

test('Waiting for a lock ends with an abort', async (t) => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'blob.lock');
  const clock = new FakeClock();
  await using _lock = await lockFile(path, clock, never);
  const abort = new AbortController();
  const waiting = lockFile(path, clock, abort.signal, () => abort.abort(new Error('enough')));
  await t.throwsAsync(waiting, { message: 'enough' });
});
