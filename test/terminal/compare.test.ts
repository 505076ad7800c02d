// `anneal compare --live` in a pseudo-terminal, beside a run that another process owns.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { storedRun } from '../builders/stored-run.ts';
import { temporaryFolder } from '../doubles/temporary-folder.ts';
import { Terminal } from './terminal.ts';

const quiet = '--disable-warning=ExperimentalWarning';
const program = join(import.meta.dirname, '../../cli/main.ts');
const livingRun = join(import.meta.dirname, '../doubles/living-run.ts');

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

test('a run that goes on is compared as it goes on; leaving prints what was last seen and changes nothing', async (t) => {
  await using cache = await temporaryFolder();
  const child = spawn(process.execPath, [quiet, livingRun, cache.path, '40'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => killed(child));
  await once(child.stdout!, 'data');
  await storedRun(cache.path, { job: 'other', spec: { 'training.learningRate': '4e-4' } });
  const args = [quiet, program, 'compare', 'first', 'other', '--live', '--local'];
  const env = { ANNEAL_CACHE: cache.path, TZ: 'UTC' };
  using terminal = new Terminal(process.execPath, args, { columns: 100, rows: 30, env });
  await terminal.shows(/A ─ first\/1 +○ Pending[\s\S]*B ╌ other\/1 +✓ Succeeded step 20\/20/);
  t.is(terminal.buffer, 'alternate');
  child.stdin?.write('say 16\n');
  await terminal.shows(/● Running step 10\/40[\s\S]*train loss +\d/);
  child.stdin?.write('say 36\n');
  await terminal.shows(/step 30\/40/);
  terminal.type('q');
  t.is(await terminal.ended(), 0);
  t.is(terminal.buffer, 'normal');
  const text = terminal.lines().join('\n');
  t.regex(text, /^A ─ first\/1 +B ╌ other\/1/);
  t.regex(text, /spec\.training\.learningRate +\S+ +4e-4/);
  t.true(terminal.raw.lastIndexOf('\u001b[?25h') >= terminal.raw.lastIndexOf('\u001b[?25l'));
});
