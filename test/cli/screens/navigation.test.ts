import test from 'ava';
import fc from 'fast-check';
import { whyNot } from '../../../cli/screens/job-keys.ts';
import { type Navigation, type Seen, startAt, viewOf } from '../../../cli/screens/navigation.ts';
import { press } from '../../../cli/screens/press.ts';
import type { Pressed } from '../../../cli/terminal/pressed.ts';
import { aListedJob } from '../../builders/listed-job.ts';

const rows = ['a', 'b', 'c'].map((name) => aListedJob({ name, status: { phase: 'Running' } }));
const seen: Seen = { rows, jobs: rows, job: rows[0]!, isCluster: true };
const keyed = (word: string): Pressed =>
  word.length > 1 ? { input: '', key: word as Pressed['key'] } : { input: word, key: undefined };

function pressed(
  words: readonly string[],
  from: Navigation = startAt({ type: 'Board' }),
  at = seen,
) {
  let navigation = from;
  const effects = [];
  for (const word of words) {
    const answer = press(navigation, keyed(word), at);
    navigation = answer.navigation;
    if (answer.effect !== undefined) effects.push(answer.effect);
  }
  return { navigation, effects };
}

test('a row is chosen, opened, and esc leads out again, to the board and then to the shell', (t) => {
  const opened = pressed(['j', 'down', 'enter']);
  t.deepEqual(viewOf(opened.navigation), { type: 'Job', key: 'team-a/c' });
  const logs = pressed(['l'], opened.navigation, { ...seen, job: rows[2]! });
  t.is(viewOf(logs.navigation).type, 'Logs');
  const out = pressed(['esc', 'esc', 'esc'], logs.navigation);
  t.is(viewOf(out.navigation).type, 'Board');
  t.deepEqual(out.effects, [{ type: 'Leave' }]);
});

test('a question is answered by its letter and by nothing else; enter alone never destroys', (t) => {
  const asked = pressed(['x']);
  t.regex(asked.navigation.question?.text ?? '', /^Cancel a\? It saves first/);
  t.deepEqual(pressed(['c'], asked.navigation).effects, [
    { type: 'Act', act: 'cancel', key: 'team-a/a' },
  ]);
  for (const other of ['enter', 'esc', 'y', 'x', 'q', ' ']) {
    const { effects, navigation } = pressed([other], asked.navigation);
    t.deepEqual(effects, [], other);
    t.is(navigation.question, null);
  }
});

test('whatever is pressed, a job is only changed after a question', (t) => {
  const key = fc.constantFrom(
    ...['j', 'k', 'g', 'G', '/', 'l', 'd', 'y', 'w', '?', 'm', 'X', '[', ']', ' ', '1', '4'],
    ...['up', 'down', 'enter', 'esc', 'backspace', 'pageUp', 'q', ':', 'c', 't'],
  );
  fc.assert(
    fc.property(fc.array(key, { maxLength: 40 }), (words) => {
      const { effects, navigation } = pressed(words);
      t.true(effects.every(({ type }) => type === 'Leave'));
      t.true(navigation.row >= 0 && navigation.row < rows.length);
      t.true(navigation.views.length >= 1);
    }),
  );
});

test('keys of a job that ended or of this machine do nothing, and say why', (t) => {
  const ended = aListedJob({ status: { phase: 'Failed' } });
  t.is(whyNot('pause', ended, true), 'the job has ended');
  t.is(whyNot('cancel', rows[0]!, false), 'stop it with Ctrl-C in its own terminal');
  t.is(pressed(['p', 'x'], undefined, { ...seen, rows: [ended] }).navigation.question, null);
});

test('s saves at once, since nothing ends by it, but not where it cannot be done', (t) => {
  t.deepEqual(pressed(['s']).effects, [{ type: 'Act', act: 'checkpoint', key: 'team-a/a' }]);
  const ended = aListedJob({ status: { phase: 'Succeeded' } });
  t.deepEqual(pressed(['s'], undefined, { ...seen, rows: [ended] }).effects, []);
  t.regex(whyNot('checkpoint', rows[0]!, false) ?? '', /saves at its checkpoint interval/);
  const paused = aListedJob({ spec: { suspend: true } });
  t.is(whyNot('checkpoint', paused, true), 'it is paused and saved');
});

test('what is typed after a slash filters, and esc takes it back', (t) => {
  const typed = pressed(['/', 'h', 'q', 'backspace', 'a', 'enter']);
  t.is(typed.navigation.filter, 'ha');
  t.false(typed.navigation.typing);
  t.is(pressed(['esc'], typed.navigation).navigation.filter, '');
});

test('two jobs are compared: the first is marked, the second opens the comparison; esc takes the mark back', (t) => {
  const marked = pressed(['c']);
  t.is(marked.navigation.marked, 'team-a/a');
  const opened = pressed(['j', 'c'], marked.navigation).navigation;
  t.deepEqual(viewOf(opened), { type: 'Compare', keys: ['team-a/a', 'team-a/b'] });
  t.is(opened.marked, null);
  t.is(pressed(['esc'], marked.navigation).navigation.marked, null);
  t.is(pressed(['c'], marked.navigation).navigation.marked, null);
});

test('of a log lines are broken, times left out, and the container before the restart is read', (t) => {
  const logs = startAt({ type: 'Logs', key: 'team-a/a' });
  const { wrap, times, previous } = pressed(['w', 't', 'p'], logs).navigation;
  t.deepEqual([wrap, times, previous], [true, false, true]);
  const here = pressed(['p'], logs, { ...seen, isCluster: false }).navigation;
  t.false(here.previous);
});
