// `anneal init` as a person sees it: the wizard in a pseudo-terminal, in a folder with data and a
// model that nobody can read.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parseJob } from '../../crds/manifest/manifest.ts';
import { temporaryFolder } from '../doubles/temporary-folder.ts';
import { Terminal, type TerminalOptions } from './terminal.ts';

const quiet = '--disable-warning=ExperimentalWarning';
const program = join(import.meta.dirname, '../../cli/main.ts');

async function asking(
  t: ExecutionContext,
  words: readonly string[] = [],
  options: TerminalOptions = {},
) {
  const folder = await temporaryFolder();
  const work = join(folder.path, 'work');
  await mkdir(work);
  await writeFile(join(work, 'chats.jsonl'), '{"prompt":"a","completion":"b"}\n');
  const shell = `cd ${work}; echo what was before; exec "$0" "$@"`;
  const args = ['-c', shell, process.execPath, quiet, program, 'init', ...words];
  const env = { ANNEAL_CACHE: join(folder.path, 'cache'), HOME: folder.path, ...options.env };
  const terminal = new Terminal('/bin/sh', args, { ...options, env });
  t.teardown(async () => {
    terminal[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  });
  const file = (name: string) => readFile(join(work, name), 'utf8');
  return { terminal, file, files: () => readdir(work), text: () => terminal.lines().join('\n') };
}

function leftClean(t: ExecutionContext, { terminal, text }: Awaited<ReturnType<typeof asking>>) {
  t.is(terminal.buffer, 'normal');
  t.regex(text(), /^what was before(\n|$)/);
  t.true(terminal.raw.lastIndexOf('\u001b[?25h') >= terminal.raw.lastIndexOf('\u001b[?25l'));
}

test('five answers become a job file; going back keeps them; the model that is missing is told', async (t) => {
  const at = await asking(t, [], { columns: 120, rows: 30 });
  const { terminal } = at;
  await terminal.shows(/What should the model learn\?[\s\S]*apiVersion/);
  t.is(terminal.buffer, 'alternate');
  terminal.type('4');
  await terminal.shows(/Which model does it start from\?/);
  terminal.type('4');
  await terminal.shows(/another source: ▏/);
  terminal.type('./no-such-model');
  await terminal.shows(/another source: \.\/no-such-model▏/);
  terminal.type('\r');
  await terminal.shows(/What does it learn from\?[\s\S]*1 \.\/chats\.jsonl \(recommended\)/);
  await terminal.shows(/memory is unknown: .*no-such-model/);
  terminal.type('\r');
  await terminal.shows(/Where does it train\?[\s\S]*There is no kubeconfig/);
  terminal.type('\u001b');
  await terminal.shows(/What does it learn from\?/);
  terminal.type('\u001b');
  await terminal.shows(/another source: \.\/no-such-model/);
  terminal.type('\r');
  await terminal.shows(/What does it learn from\?/);
  terminal.type('\r');
  await terminal.shows(/Where does it train\?/);
  terminal.type('\r');
  await terminal.shows(/What matters most\?/);
  terminal.type('2');
  await terminal.shows(/Which file is it written to\?[\s\S]*# Written by anneal init/);
  terminal.type('\r');
  t.is(await terminal.ended(), 0);
  leftClean(t, at);
  t.regex(at.text(), /wrote job\.yaml\nnext: anneal estimate job\.yaml$/);
  const { spec } = parseJob(await at.file('job.yaml'), 'job.yaml').job;
  t.is(spec.model.source.local?.path, './no-such-model');
  t.is(spec.training.maxSteps, 20);
  t.is(spec.parallelism.activationRecomputation, 'Full');
});

test('a file that is there is not overwritten: another name is asked for', async (t) => {
  const at = await asking(t, ['--model', './m', '--file', 'chats.jsonl'], {
    columns: 80,
    rows: 24,
  });
  const { terminal } = at;
  await terminal.shows(/question 1 of 4/);
  terminal.type('1');
  await terminal.shows(/What does it learn from\?/);
  terminal.type('1');
  await terminal.shows(/Where does it train\?/);
  terminal.type('1');
  await terminal.shows(/What matters most\?/);
  terminal.type('1');
  await terminal.shows(/Which file is it written to\?/);
  terminal.type('\r');
  await terminal.shows(/chats\.jsonl exists already/);
  terminal.type('2');
  await terminal.shows(/another file: ▏/);
  terminal.type('mine.yaml');
  await terminal.shows(/another file: mine\.yaml/);
  terminal.type('\r');
  t.is(await terminal.ended(), 0);
  leftClean(t, at);
  t.deepEqual(await at.files(), ['chats.jsonl', 'mine.yaml']);
});

test('ctrl-c and esc leave the wizard, write nothing and say so', async (t) => {
  for (const keys of ['\u0003', '\u001b', 'q']) {
    const at = await asking(t);
    await at.terminal.shows(/What should the model learn\?/);
    at.terminal.type(keys);
    t.is(await at.terminal.ended(), 130);
    leftClean(t, at);
    t.regex(at.text(), /nothing was written$/);
    t.deepEqual(await at.files(), ['chats.jsonl']);
  }
});

test('where nothing may be redrawn the questions are lines, answered by numbers and places', async (t) => {
  const settings: readonly (readonly [readonly string[], TerminalOptions])[] = [
    [['--accessible'], { rows: 60 }],
    [[], { rows: 60, env: { TERM: 'dumb' } }],
  ];
  for (const [words, options] of settings) {
    const at = await asking(t, words, options);
    const { terminal } = at;
    await terminal.shows(/Question 1 of 5\. What should[\s\S]*number \[1\]: /);
    terminal.type('\r');
    await terminal.shows(/Question 2 of 5[\s\S]*number or a source \[1\]: /);
    terminal.type('./model\r');
    await terminal.shows(/Question 3 of 5[\s\S]*1 \.\/chats\.jsonl\. A file in this folder\./);
    terminal.type('\r');
    await terminal.shows(/Question 4 of 5[\s\S]*no kubeconfig[\s\S]*number \[1\]: /);
    terminal.type('all\r');
    await terminal.shows(/type the number of an option/);
    terminal.type('1\r');
    await terminal.shows(/Question 5 of 5/);
    terminal.type('\r');
    await terminal.shows(/Which file is it written to\?/);
    terminal.type('\r');
    t.is(await terminal.ended(), 0);
    t.regex(at.text(), /wrote job\.yaml/);
    t.false(terminal.raw.includes('\u001b[?1049h'));
    parseJob(await at.file('job.yaml'), 'job.yaml');
  }
});

test('ctrl-c among the lines writes nothing', async (t) => {
  const at = await asking(t, ['--accessible']);
  await at.terminal.shows(/number \[1\]: /);
  at.terminal.type('\u0003');
  t.is(await at.terminal.ended(), 130);
  t.regex(at.text(), /nothing was written$/);
});
