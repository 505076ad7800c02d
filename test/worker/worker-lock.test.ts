import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { runFiles } from '../../crds/wire/run-folder.ts';
import { lockWorker } from '../../worker/worker-lock.ts';
import { FakeClock } from '../doubles/clock.ts';
import { temporaryFolder } from '../doubles/sources.ts';

const never = new AbortController().signal;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const ignore = () => {};

/** Locks the folder, says so, and stays. */
function program(folder: string): readonly string[] {
  const file = (name: string) => JSON.stringify(join(import.meta.dirname, '../../worker', name));
  const text = `
    import { systemClock } from ${file('../crds/clock.ts')};
    import { lockWorker } from ${file('worker-lock.ts')};
    const folder = ${JSON.stringify(folder)};
    globalThis.kept = await lockWorker(folder, systemClock, () => {}, new AbortController().signal);
    console.log('locked');
    setInterval(() => {}, 1e6);`;
  return ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', text];
}

test('one worker waits for the other, says so once, and goes on when the other has ended', async (t) => {
  await using folder = await temporaryFolder();
  const first = await lockWorker(folder.path, new FakeClock(), ignore, never);
  const clock = new FakeClock();
  let said = 0;
  let isIn = false;
  const say = () => {
    said += 1;
  };
  const second = lockWorker(folder.path, clock, say, never).then((lock) => {
    isIn = true;
    return lock;
  });
  for (let round = 0; round < 20; round += 1) {
    await turn();
    clock.advance(100);
  }
  t.is(said, 1);
  t.false(isIn);
  first[Symbol.dispose]();
  while (!isIn) {
    await turn();
    clock.advance(100);
  }
  (await second)[Symbol.dispose]();
});

test('a worker that was killed does not keep the folder', async (t) => {
  await using folder = await temporaryFolder();
  const child = spawn(process.execPath, program(folder.path));
  await once(child.stdout, 'data');
  const clock = new FakeClock();
  const waiting = lockWorker(folder.path, clock, ignore, never);
  await turn();
  t.is(clock.sleeping, 1);
  child.kill('SIGKILL');
  await once(child, 'close');
  clock.advance(100);
  (await waiting)[Symbol.dispose]();
});

test('a wish to stop ends the waiting', async (t) => {
  await using folder = await temporaryFolder();
  using _lock = await lockWorker(folder.path, new FakeClock(), ignore, never);
  const stop = new AbortController();
  const waiting = lockWorker(folder.path, new FakeClock(), ignore, stop.signal);
  stop.abort();
  await t.throwsAsync(waiting, { is: stop.signal.reason });
});

test('a lock writes nothing, so that it works on a full disk', async (t) => {
  await using folder = await temporaryFolder();
  using _lock = await lockWorker(folder.path, new FakeClock(), ignore, never);
  const files = await readdir(folder.path);
  t.deepEqual(files, [runFiles.workerLock]);
  t.is((await stat(join(folder.path, runFiles.workerLock))).size, 0);
});
