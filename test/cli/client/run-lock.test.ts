import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { lockJob, lockRun } from '../../../cli/client/run-lock.ts';
import { createRun, type StoredRun } from '../../../cli/client/run-store.ts';
import { runFiles } from '../../../crds/wire/run-folder.ts';
import { aSpec } from '../../builders/job.ts';

async function aRun(t: ExecutionContext): Promise<StoredRun> {
  const cache = await mkdtemp(join(tmpdir(), 'anneal-lock-'));
  t.teardown(() => rm(cache, { recursive: true }));
  return createRun(cache, [], {
    ...{ version: 1, name: 'first', namespace: 'default', folder: cache, spec: aSpec() },
    ...{ digest: 'a', volumes: {}, cache, device: 'cpu', threads: 2 },
    createdAt: '2026-01-01T00:00:00Z',
  });
}

/** A program that locks the run and then says so, and what it was told when it could not. */
function locker({ folder, number, record }: StoredRun, then: string): readonly string[] {
  const module = join(import.meta.dirname, '../../../cli/client/run-lock.ts');
  const program = `
    import { lockRun } from ${JSON.stringify(module)};
    try {
      globalThis.kept = lockRun(${JSON.stringify({ folder, number, record: { name: record.name } })});
      console.log('locked');
      ${then}
    } catch (error) {
      console.log(error.code + ': ' + error.message);
    }`;
  return ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', program];
}

test('a run that another process has is refused with one sentence that names it', async (t) => {
  const run = await aRun(t);
  using _lock = lockRun(run);
  const { stdout } = await promisify(execFile)(process.execPath, locker(run, ''));
  t.is(
    stdout,
    `E_CONFLICT: run 1 of first is in progress in another process (${run.folder}); only one may train it\n`,
  );
});

test('a run is free again when its process has ended, however that was', async (t) => {
  const run = await aRun(t);
  const child = spawn(process.execPath, locker(run, 'setInterval(() => {}, 1e6);'));
  const [said] = await once(child.stdout.setEncoding('utf8'), 'data');
  t.is(said, 'locked\n');
  t.throws(() => lockRun(run), { code: 'E_CONFLICT' });
  child.kill('SIGKILL');
  await once(child, 'close');
  t.notThrows(() => lockRun(run)[Symbol.dispose]());
});

test('a lock that was given back is free, and leaves only an empty file', async (t) => {
  const run = await aRun(t);
  for (let round = 0; round < 3; round += 1) {
    using _lock = lockRun(run);
    t.throws(() => lockRun(run), { code: 'E_CONFLICT' });
  }
  t.deepEqual(await readdir(run.folder), ['run.json', 'run.lock']);
});

test('two runs of one job do not stand in the way of each other', async (t) => {
  const run = await aRun(t);
  const other = await createRun(run.record.cache, [run], run.record);
  using _lock = lockRun(run);
  t.notThrows(() => lockRun(other)[Symbol.dispose]());
});

test('the choice of a run is made alone, also where no run is yet', async (t) => {
  const cache = await mkdtemp(join(tmpdir(), 'anneal-lock-'));
  t.teardown(() => rm(cache, { recursive: true }));
  {
    using _first = lockJob(cache, 'first');
    using _second = lockJob(cache, 'second');
    t.deepEqual(await readdir(join(cache, 'runs')), ['first', 'second']);
  }
  t.notThrows(() => lockJob(cache, 'first')[Symbol.dispose]());
});

test('what is no lock file is not taken for one', async (t) => {
  const run = await aRun(t);
  await writeFile(join(run.folder, 'run.lock'), 'somebody wrote a text of his own here'.repeat(99));
  t.throws(() => lockRun(run), { code: 'ERR_SQLITE_ERROR', message: 'file is not a database' });
});

test('locks write nothing, so that they work on a full disk', async (t) => {
  const run = await aRun(t);
  const before = await readdir(run.folder);
  using _lock = lockRun(run);
  const made = (await readdir(run.folder)).filter((name) => !before.includes(name));
  t.deepEqual(made, [runFiles.runLock]);
});
