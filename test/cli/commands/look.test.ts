// The commands that look at jobs, on runs of this machine: what is printed and with what code they
// end.
import test from 'ava';
import { run } from '../../../cli/program.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { messagesOfARun } from '../../builders/run-messages.ts';
import { storedRun } from '../../builders/stored-run.ts';
import { temporaryFolder } from '../../doubles/temporary-folder.ts';

const faster = messagesOfARun().map(
  (message): Telemetry =>
    message.type === 'step' ? { ...message, loss: (message.loss ?? 0) - 0.5 } : message,
);

/** Three runs: a good one, a faster one, one that failed. */
async function aMachine() {
  const cache = await temporaryFolder();
  const at = (day: number) => `2026-01-0${day}T00:00:00.000Z`;
  await storedRun(cache.path, { number: 1, createdAt: at(1) });
  const spec = { 'training.learningRate': '4e-4' };
  await storedRun(cache.path, { number: 2, createdAt: at(2), messages: faster, spec });
  const outcome = {
    ...{ state: 'Failed' as const, code: 'E_DIVERGED' },
    message: 'the loss was not finite in 6 steps in a row',
  };
  const messages = messagesOfARun().slice(0, 15);
  await storedRun(cache.path, { job: 'wild', createdAt: at(3), messages, outcome });
  return {
    async anneal(line: string) {
      let out = '';
      let err = '';
      const code = await run(['node', 'anneal', ...line.split(' '), '--local'], {
        variables: { ANNEAL_CACHE: cache.path, TZ: 'UTC' },
        out: (text) => {
          out += text;
        },
        err: (text) => {
          err += text;
        },
      });
      return { code, out: out.replaceAll(cache.path, 'CACHE'), err };
    },
    [Symbol.asyncDispose]: () => cache[Symbol.asyncDispose](),
  };
}

test('list shows newest first, filters, and gives programs stable fields', async (t) => {
  await using machine = await aMachine();
  const { out, code } = await machine.anneal('list');
  t.is(code, 0);
  const rows = out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 3));
  t.deepEqual(rows.slice(0, 4), [
    ['NAME', 'PHASE', 'STEP'],
    ['wild/1', '✗ Failed', '9/20'],
    ['first/2', '✓ Succeeded', '20/20'],
    ['first/1', '✓ Succeeded', '20/20'],
  ]);
  t.is((await machine.anneal('list --phase failed -o name')).out, 'local/wild/1\n');
  t.is((await machine.anneal('ls --sort name -o name')).out.split('\n')[0], 'local/first/1');
  const json = JSON.parse((await machine.anneal('list -o json')).out);
  t.is(json.kind, 'JobList');
  t.like(json.items[0], { name: 'wild/1', phase: 'Failed', reason: 'Diverged', step: 9 });
});

test('describe, why, checkpoints, compare and a plot read as they were agreed', async (t) => {
  await using machine = await aMachine();
  const ages = (text: string) => text.replaceAll(/for \d+d/g, 'for Nd');
  t.snapshot(ages((await machine.anneal('describe first')).out), 'describe');
  t.snapshot((await machine.anneal('why wild')).out, 'why');
  t.snapshot((await machine.anneal('compare first/1 first/2')).out, 'compare');
  t.snapshot((await machine.anneal('compare first/1 first/2 --glyphs ascii')).out, 'compare ascii');
  t.snapshot((await machine.anneal('metrics first loss eval_loss -o plot')).out, 'plot');
  t.regex((await machine.anneal('checkpoints first')).err, /has no checkpoint yet/);
});

test('metrics in a pipe are rows, one a step, with a column a metric', async (t) => {
  await using machine = await aMachine();
  const { out } = await machine.anneal('metrics first/1 loss lr --last 2');
  const steps = messagesOfARun().filter((message) => message.type === 'step');
  const rows = steps
    .slice(-2)
    .map((one) => [one.step, one.tokensSeen, one.time, one.loss, one.learningRate].join(','));
  t.deepEqual(out.split('\n'), ['step,tokens,time,loss,learning_rate', ...rows, '']);
  const json = JSON.parse((await machine.anneal('metrics first/1 grad -o json')).out);
  t.is(json.series[0].metric, 'grad_norm');
  t.is(json.series[0].samples.length, 20);
});

test('logs are filtered, cut and printed as JSON lines', async (t) => {
  await using machine = await aMachine();
  const tail = (await machine.anneal('logs first --tail 2')).out.split('\n');
  t.regex(tail[1] ?? '', /ended \(Finished\) after step 20$/);
  t.is(tail.length, 3);
  t.is(
    (await machine.anneal('logs first --level debug --grep ^step --raw')).out.split('\n').length,
    21,
  );
  const [first = ''] = (await machine.anneal('logs first -o json')).out.split('\n');
  t.like(JSON.parse(first), { index: 0, level: 'info' });
});

const mistakes: readonly (readonly [line: string, code: number, said: string])[] = [
  ['describe firsst', 3, 'there is no job "firsst" on this machine\nhint: '],
  ['metrics first los', 2, '"los" is no metric\nhint: did you mean loss?\n'],
  ['logs first --since soon', 2, '--since is "soon"; it must be a time such as 30s, 10m or 2h\n'],
  [
    'logs first --rank one',
    2,
    '--rank is "one"; it must be numbers of workers such as 0,2 or 0-3\n',
  ],
  ['logs first --grep (', 2, '--grep is "("; it must be a regular expression\n'],
  ['list --phase Runing', 2, '--phase is Runing; it must be Pending, '],
  ['list -l a', 2, '--selector is "a"; it must be key=value, several separated by commas\n'],
  ['compare a b c d e', 2, '5 jobs are named; at most 4 can be compared\n'],
];

for (const [line, code, said] of mistakes) {
  test(`anneal ${line}: one sentence and exit code ${code}`, async (t) => {
    await using machine = await aMachine();
    const result = await machine.anneal(line);
    t.true(result.err.startsWith(said), result.err);
    t.is(result.code, code);
    t.is(result.out, '');
  });
}

test('a place without jobs says how to get one', async (t) => {
  await using cache = await temporaryFolder();
  let err = '';
  const code = await run(['node', 'anneal', 'list', '--local'], {
    variables: { ANNEAL_CACHE: cache.path },
    out: () => {},
    err: (text) => {
      err += text;
    },
  });
  t.is(code, 0);
  t.regex(
    err,
    /^there are no jobs on this machine\nnext: anneal init, then anneal run job\.yaml\n$/,
  );
});
