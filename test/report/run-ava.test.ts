import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { runAva } from './run-ava.ts';

const checkout = join(import.meta.dirname, '../..');

/** Runs AVA itself over one test file in a project of its own. */
async function runFile(t: ExecutionContext, body: string) {
  const cwd = await mkdtemp(join(tmpdir(), 'anneal-run-ava-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  await symlink(join(checkout, 'node_modules'), join(cwd, 'node_modules'));
  await writeFile(join(cwd, 'package.json'), '{"type":"module"}');
  const config = 'export default {extensions: {ts: "module"}, workerThreads: false};';
  await writeFile(join(cwd, 'ava.config.js'), config);
  await mkdir(join(cwd, 'test'));
  await writeFile(join(cwd, 'test/x.test.ts'), `import test from 'ava';\n${body}`);
  const printed: string[] = [];
  const run = { patterns: ['test/*.test.ts'], concurrency: 1, timeout: '30s', cwd };
  const tally = await runAva(run, (text) => void printed.push(text), new AbortController().signal);
  return { tally, printed: printed.join('\n') };
}

test('passes, failures and skips are counted, and a failure tells what differed', async (t) => {
  const { tally, printed } = await runFile(
    t,
    `test('good', (t) => t.pass());
     test('bad', (t) => t.is(1 + 1, 3));
     test.skip('needs a GPU', (t) => t.pass());`,
  );
  t.like(tally, { passed: 1, failed: 1, skipped: 1 });
  t.regex(printed, /FAILED: bad\n[\s\S]*- +2\n[\s\S]*\+ +3/);
  t.regex(printed, /test\/x\.test\.ts:3:\d+/, 'the line of the test, and not of AVA');
  t.regex(printed, /^skipped: needs a GPU$/m);
});

test('a failed test that logged something tells both what it logged and what differed', async (t) => {
  const { tally, printed } = await runFile(
    t,
    `test('good', (t) => { t.log('seed 1'); t.pass(); });
     test('bad', (t) => { t.log('seed 2'); t.is(1 + 1, 3); });`,
  );
  t.like(tally, { passed: 1, failed: 1, skipped: 0 });
  t.regex(printed, /FAILED: bad\n {4}seed 2\n[\s\S]*- +2\n[\s\S]*\+ +3/);
  t.notRegex(printed, /seed 1/);
});

test('of a large difference the first lines are told, and how many there were', async (t) => {
  const { tally, printed } = await runFile(
    t,
    `const rows = (d) => Array.from({ length: 2000 }, (_, i) => i + d);
     test('large', (t) => t.deepEqual(rows(0), rows(1)));`,
  );
  t.like(tally, { passed: 0, failed: 1, skipped: 0 });
  t.true(printed.split('\n').length < 70);
  t.regex(printed, /^ {4}\d{3,} more lines$/m);
});

test('processes that a test file forks say nothing of their own at their end', async (t) => {
  const child = "process.send('first'); process.once('exit', () => process.send('last'));";
  const { tally } = await runFile(
    t,
    `import { fork } from 'node:child_process';
     import { once } from 'node:events';
     import { writeFileSync } from 'node:fs';
     test('forked', async (t) => {
       writeFileSync('child.js', ${JSON.stringify(child)});
       const process = fork('child.js', { serialization: 'advanced' });
       const heard = [];
       process.on('message', (message) => heard.push(message));
       await once(process, 'close');
       t.deepEqual(heard, ['first', 'last']);
     });`,
  );
  t.like(tally, { passed: 1, failed: 0 });
});

test('a test file that a signal ends is told with its last lines', async (t) => {
  const { tally, printed } = await runFile(
    t,
    `test('good', async (t) => {
       t.pass();
       process.stderr.write('free(): invalid pointer\\n');
       process.kill(process.pid, 'SIGABRT');
       await new Promise(() => {});
     });`,
  );
  t.is(tally.failed, 1);
  t.regex(printed, /x\.test\.ts exited due to SIGABRT/);
  t.regex(printed, /free\(\): invalid pointer/);
});

test('a test file that ends the process fails the run and is told', async (t) => {
  const { tally, printed } = await runFile(
    t,
    `test('good', (t) => t.pass());
     test('leaves', () => process.exit(0));`,
  );
  t.true(tally.failed >= 1);
  t.regex(printed, /AVA ended before its plan/);
});

test('a file that does not load fails the run', async (t) => {
  const { tally, printed } = await runFile(t, `throw new TypeError('at import');`);
  t.is(tally.passed, 0);
  t.true(tally.failed >= 1);
  t.regex(printed, /at import/);
});

test('processor time is told, of the processes of test files too', async (t) => {
  const { tally } = await runFile(
    t,
    `test('computes', (t) => {
       const used = () => process.cpuUsage().user + process.cpuUsage().system;
       while (used() < 1_500_000);
       t.pass();
     });`,
  );
  t.is(tally.passed, 1);
  t.true((tally.processorSeconds ?? 0) > 1.5, String(tally.processorSeconds));
});
