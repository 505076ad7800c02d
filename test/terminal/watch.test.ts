// `anneal watch` as a person sees it: in a pseudo-terminal, beside a run that another process owns.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { temporaryFolder } from '../doubles/temporary-folder.ts';
import { Terminal, type TerminalOptions } from './terminal.ts';

const quiet = '--disable-warning=ExperimentalWarning';
const program = join(import.meta.dirname, '../../cli/main.ts');
const livingRun = join(import.meta.dirname, '../doubles/living-run.ts');

interface Watching {
  readonly terminal: Terminal;
  readonly text: () => string;
  /** Tells the run what to do. */
  readonly order: (line: string) => void;
}

async function watching(
  t: ExecutionContext,
  words: readonly string[],
  options: TerminalOptions = {},
  command = 'watch',
): Promise<Watching> {
  const cache = await temporaryFolder();
  const child = spawn(process.execPath, [quiet, livingRun, cache.path, '40'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout!, 'data');
  const shell = 'echo what was before; exec "$0" "$@"';
  const args = ['-c', shell, process.execPath, quiet, program, command, ...words, '--local'];
  const env = { ANNEAL_CACHE: cache.path, TZ: 'UTC', ...options.env };
  const terminal = new Terminal('/bin/sh', args, { ...options, env });
  t.teardown(async () => {
    terminal[Symbol.dispose]();
    await killed(child);
    await cache[Symbol.asyncDispose]();
  });
  return {
    terminal,
    text: () => terminal.lines().join('\n'),
    order: (line) => void child.stdin?.write(`${line}\n`),
  };
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

const showCursor = '\u001b[?25h';
const hideCursor = '\u001b[?25l';

function leftClean(t: ExecutionContext, { terminal, text }: Watching): void {
  t.is(terminal.buffer, 'normal');
  t.regex(text(), /^what was before(\n|$)/);
  t.true(terminal.raw.lastIndexOf(showCursor) >= terminal.raw.lastIndexOf(hideCursor));
}

test('a run of another process is followed on a screen of its own, which leaves a summary when the run ends', async (t) => {
  const at = await watching(t, ['first'], { columns: 100, rows: 30 });
  at.order('say 16');
  await at.terminal.shows(/● Running[\s\S]*step 10\/40[\s\S]*1 loss/);
  t.is(at.terminal.buffer, 'alternate');
  at.order('say 36');
  await at.terminal.shows(/step 30\/40/);
  at.order('end');
  t.is(await at.terminal.ended(), 0);
  leftClean(t, at);
  t.regex(at.text(), /✓ first\/1 succeeded[\s\S]*step 30\/40[\s\S]*next: anneal metrics first\/1/);
});

test('a run that fails ends the screen with its reason and exit code 10', async (t) => {
  const at = await watching(t, ['first']);
  at.order('say 12');
  await at.terminal.shows(/step 6\/40/);
  at.order('fail');
  t.is(await at.terminal.ended(), 10);
  leftClean(t, at);
  t.regex(
    at.text(),
    /✗ first\/1 failed[\s\S]*first\/1 failed: the loss was not finite\nhint: anneal why first\/1/,
  );
});

test('logs --full opens the screen at the log, and q leaves it', async (t) => {
  const at = await watching(t, ['first', '-f', '--full'], {}, 'logs');
  at.order('say 12');
  await at.terminal.shows(/first\/1 · logs of all workers[\s\S]*held out/);
  t.is(at.terminal.buffer, 'alternate');
  at.terminal.type('q');
  t.is(await at.terminal.ended(), 0);
  leftClean(t, at);
});

test('without motion no bar fills', async (t) => {
  const at = await watching(t, ['first', '--no-motion'], { columns: 80, rows: 24 });
  at.order('say 12');
  await at.terminal.shows(/\n15 % {2}step 6\/40/);
  t.notRegex(at.text(), /[█░]/);
  at.terminal.type('q');
  t.is(await at.terminal.ended(), 0);
});

test('keys lead from the board to a job, its logs, a text, the help and back; q leaves and changes nothing', async (t) => {
  const at = await watching(t, [], { columns: 80, rows: 24 });
  const { terminal } = at;
  at.order('say 16');
  await terminal.shows(/this machine · 1 job[\s\S]*▸ first\/1/);
  terminal.type('\r');
  await terminal.shows(/step 10\/40/);
  terminal.type('l');
  await terminal.shows(/logs of all workers[\s\S]*loading|logs of all workers[\s\S]*held out/);
  terminal.type('\u001b');
  await terminal.shows(/1 loss/);
  terminal.type('w');
  await terminal.shows(/why first\/1[\s\S]*It trains: step 10 of 40/);
  terminal.type('\u001b');
  await terminal.shows(/1 loss/);
  terminal.type('?');
  await terminal.shows(/keys of a job[\s\S]*pause \(stop it with Ctrl-C in its own terminal\)/);
  terminal.type('?');
  await terminal.shows(/1 loss/);
  terminal.type('q');
  t.is(await terminal.ended(), 0);
  leftClean(t, at);
});

test('ctrl-c leaves the screen, says that the run goes on, and exits with 130', async (t) => {
  const at = await watching(t, ['first']);
  at.order('say 12');
  await at.terminal.shows(/step 6\/40/);
  at.terminal.type('\u0003');
  t.is(await at.terminal.ended(), 130);
  leftClean(t, at);
  t.regex(at.text(), /● first\/1 Running; the run continues\nnext: anneal watch first\/1/);
});

/** Escape sequences that choose a colour of letters; bold and dim are none. */
function coloursIn(raw: string): readonly string[] {
  return raw.split('\u001b').filter((part) => /^\[(3[0-7]|9[0-7]|38;)[\d;]*m/.test(part));
}

test('a screen has no colours where NO_COLOR is set, and only plain letters in a plain locale', async (t) => {
  const plain = { NO_COLOR: '1', LANG: 'C' };
  const at = await watching(t, [], { columns: 80, rows: 24, env: plain });
  at.order('say 16');
  await at.terminal.shows(/> first\/1 +\* Running/);
  at.terminal.type('\r');
  await at.terminal.shows(/#+\.+ +25 %[\s\S]*-- 1 loss[\s\S]*\*/);
  t.regex(at.text(), /^[\n\u0020-\u007e]*$/);
  at.terminal.type('q');
  t.is(await at.terminal.ended(), 0);
  t.deepEqual(coloursIn(at.terminal.raw), []);
  const coloured = await watching(t, ['first'], { columns: 80, rows: 24 });
  coloured.order('say 16');
  await coloured.terminal.shows(/step 10\/40/);
  coloured.terminal.type('q');
  await coloured.terminal.ended();
  t.true(coloursIn(coloured.terminal.raw).length > 0);
});

test('a window that changes its size is drawn anew, down to the essentials', async (t) => {
  const at = await watching(t, ['first'], { columns: 100, rows: 30 });
  at.order('say 12');
  await at.terminal.shows(/1 loss[\s\S]*2 workers/);
  at.terminal.resize(40, 14);
  await at.terminal.shows(/first\/1\n● Running.*\n15 % · step 6\/40\n/);
  for (const line of at.terminal.lines()) t.true([...line].length <= 40, line);
  at.terminal.type('q');
  t.is(await at.terminal.ended(), 0);
});

test('on a dumb terminal, in a low window and when asked for sentences nothing is redrawn', async (t) => {
  const plain: readonly (readonly [readonly string[], TerminalOptions])[] = [
    [['first'], { env: { TERM: 'dumb' } }],
    [['first'], { rows: 8 }],
    [['first', '--accessible'], {}],
  ];
  for (const [words, options] of plain) {
    const at = await watching(t, words, options);
    at.order('say 46');
    await at.terminal.shows(/step 40( of |\/)40/);
    at.order('end');
    t.is(await at.terminal.ended(), 0);
    t.false(at.terminal.raw.includes('\u001b[?1049h'), words.join(' '));
    t.regex(at.text(), /first\/1 succeeded/);
  }
});
