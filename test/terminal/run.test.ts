// `anneal run` as a person sees it: in a pseudo-terminal, with a worker that says what a worker
// says.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { anAskingJob } from '../builders/job.ts';
import { messagesOfARun } from '../builders/run-messages.ts';
import { aPreparedRecord, aReport } from '../builders/run-report.ts';
import type { WorkerScript } from '../doubles/worker-script.ts';
import { Terminal, type TerminalOptions } from './terminal.ts';

const messages = messagesOfARun();
const goodRun: WorkerScript = {
  prepare: { files: { 'prepared.json': aPreparedRecord('/models/model.gguf') } },
  train: { messages },
  publish: { files: { 'report.json': aReport() } },
};
const endless: WorkerScript = { train: { messages: messages.slice(0, 12), untilStop: true } };

async function started(t: ExecutionContext, script: WorkerScript, options: TerminalOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-terminal-'));
  const file = join(folder, 'job.yaml');
  await writeFile(file, JSON.stringify(anAskingJob()));
  await writeFile(join(folder, 'script.json'), JSON.stringify(script));
  const program = join(import.meta.dirname, 'run-program.ts');
  const quiet = '--disable-warning=ExperimentalWarning';
  // Something was on the screen before, and must stay there.
  const shell = `echo what was before; exec "$0" "$@"`;
  const terminal = new Terminal('/bin/sh', ['-c', shell, process.execPath, quiet, program, file], {
    ...options,
    env: { ANNEAL_CACHE: join(folder, 'cache'), ...options.env },
  });
  t.teardown(async () => {
    terminal[Symbol.dispose]();
    await rm(folder, { recursive: true });
  });
  const text = () => terminal.lines().join('\n').replaceAll(folder, 'FOLDER');
  return { terminal, folder, text };
}

/** Escape sequences that choose a colour of letters; bold and dim are none. */
function coloursIn(raw: string): readonly string[] {
  return raw.split('\u001b').filter((part) => /^\[(3[0-7]|9[0-7]|38;)[\d;]*m/.test(part));
}

const showCursor = '\u001b[?25h';
const hideCursor = '\u001b[?25l';

test('a run leaves its last picture and the summary below what was there before', async (t) => {
  const { terminal, text } = await started(t, goodRun, { columns: 100, rows: 40 });
  t.is(await terminal.ended(), 0);
  t.regex(
    text(),
    /^what was before\nnew run [\s\S]*held out 2\.4000 at step 0 → 2\.1000 at step 20\n/,
  );
  t.regex(text(), /✓ first trained 20 of 20 steps[\s\S]*Try next\n/);
  t.is(terminal.buffer, 'normal');
  t.true(coloursIn(terminal.raw).length > 0);
  // Drawn over and over, but seen once.
  t.is(text().match(/held out/g)?.length, 1);
  t.true(terminal.raw.lastIndexOf(showCursor) >= terminal.raw.lastIndexOf(hideCursor));
});

test('ctrl-c saves and stops, says so, and exits with 130', async (t) => {
  const { terminal, folder, text } = await started(t, endless);
  await terminal.shows(/loading the model/);
  terminal.type('\u0003');
  t.is(await terminal.ended(), 130);
  t.regex(text(), /‖ first stopped; the same command resumes from the last checkpoint/);
  const outcome = await readFile(join(folder, 'cache/runs/first/1/outcome.json'), 'utf8');
  t.is(JSON.parse(outcome).state, 'Stopped');
  t.true(terminal.raw.lastIndexOf(showCursor) >= terminal.raw.lastIndexOf(hideCursor));
});

test('ctrl-c twice ends at once, even where the worker does not listen', async (t) => {
  const deaf: WorkerScript = { train: { messages: messages.slice(0, 12), untilStop: 'never' } };
  const { terminal, text } = await started(t, deaf);
  await terminal.shows(/loading the model/);
  terminal.type('\u0003');
  await terminal.shows(/ctrl-c again ends at once/);
  // npm passes a ctrl-c on, so what comes at once is the same one; a person takes longer than that.
  await setTimeout(300);
  terminal.type('\u0003');
  t.is(await terminal.ended(), 130);
  t.regex(text(), /‖ first stopped/);
});

test('a failure is told below the screen, with its hint and its exit code', async (t) => {
  const failure = {
    ...{ type: 'failure', time: 2000, code: 'E_DIVERGED', reason: 'Diverged' },
    ...{ message: 'the loss was not finite in 6 steps in a row', hint: 'lower the learning rate' },
  };
  const script = { train: { messages: [...messages.slice(0, 12), failure], exit: 74 } };
  const { terminal, text } = await started(t, script);
  t.is(await terminal.ended(), 10);
  t.regex(text(), /✗ first failed[\s\S]*the loss was not finite in 6 steps in a row\nhint: lower/);
});

test('on a dumb terminal and in a low window there are plain lines', async (t) => {
  const settings: readonly TerminalOptions[] = [{ env: { TERM: 'dumb' } }, { rows: 10 }];
  for (const options of settings) {
    const { terminal, text } = await started(t, goodRun, options);
    t.is(await terminal.ended(), 0);
    t.regex(text(), /step +20\/20 · loss/);
    t.false(terminal.raw.includes('\u001b'));
  }
});

test('no colours where NO_COLOR is set, and only plain letters in a plain locale', async (t) => {
  const { terminal, text } = await started(t, goodRun, { env: { NO_COLOR: '1', LANG: 'C' } });
  t.is(await terminal.ended(), 0);
  t.deepEqual(coloursIn(terminal.raw), []);
  t.regex(text(), /^[\n\u0020-\u007e]*$/);
});

test('a window of 40 columns shows the essentials in whole lines', async (t) => {
  const { terminal } = await started(t, endless, { columns: 40, rows: 20 });
  await terminal.shows(/loss 2\.\d+ · 812 tok\/s/);
  terminal.type('\u0003');
  t.is(await terminal.ended(), 130);
});
