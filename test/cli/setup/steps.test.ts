import test from 'ava';
import { createSteps, megabytes, seconds } from '../../../cli/setup/steps.ts';

function recorder(isTTY: boolean) {
  const lines: string[] = [];
  let time = 0;
  const now = () => time;
  const steps = createSteps({ write: (text) => lines.push(text), isTTY }, now);
  return { steps, text: () => lines.join(''), pass: (ms: number) => (time += ms) };
}

test('a step is one line that says what, and at its end how long', async (t) => {
  const { steps, text, pass } = recorder(false);
  const result = await steps.step('libtorch', 'fetching torch, 539 MB', async (progress) => {
    progress('10 of 539 MB');
    pass(2_340);
    return 7;
  });
  t.is(result, 7);
  t.is(text(), 'libtorch      fetching torch, 539 MB … 2.3 s\n');
});

test('a step that fails ends its line and lets the error through', async (t) => {
  const { steps, text } = recorder(false);
  const error = new Error('no compiler');
  const fail = () => Promise.reject(error);
  t.is(await t.throwsAsync(steps.step('native', 'compiling', fail)), error);
  t.true(text().endsWith(' … \n'));
});

test('only a terminal sees the count while a step waits', async (t) => {
  const { steps, text } = recorder(true);
  await steps.step('demo', 'fetching', async (progress) => progress('5 of 9 MB'));
  t.true(text().includes('5 of 9 MB'));
});

test('durations and sizes are as short as their reader needs', (t) => {
  t.is(seconds(940), '0.9 s');
  t.is(seconds(61_400), '61 s');
  t.is(megabytes(2_323_576), '2.3 MB');
  t.is(megabytes(539_136_850), '539 MB');
  t.is(megabytes(3.04e9), '3.0 GB');
});
