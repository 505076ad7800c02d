import test from 'ava';
import { compareText } from '../../../cli/commands/compare/text.ts';
import { compareJobs } from '../../../cli/metrics/comparison.ts';
import { historyOf } from '../../../cli/metrics/history.ts';
import { ascii } from '../../../cli/terminal/glyphs.ts';
import { painter } from '../../../cli/terminal/palette.ts';
import type { Telemetry } from '../../../crds/wire/telemetry.ts';
import { aListedJob } from '../../builders/listed-job.ts';
import { messagesOfARun } from '../../builders/run-messages.ts';

const job = aListedJob({ name: 'halo' });
const messages = messagesOfARun(40);

test('jobs are compared at equal tokens, steps or time, whichever is asked for', (t) => {
  // Twice the tokens and half the time of each step.
  const quick = messages.map(
    (message): Telemetry =>
      message.type === 'step'
        ? {
            ...message,
            tokensSeen: 2 * message.tokensSeen,
            stepMs: { ...message.stepMs, total: message.stepMs.total / 2 },
          }
        : message,
  );
  const all = [
    { job, history: historyOf(messages) },
    { job, history: historyOf(quick.slice(0, -10)) },
  ] as const;
  const steps = all.map(({ history }) => history.steps.length);
  const lastOf = (values: readonly { readonly tokensSeen: number }[]) =>
    values.at(-1)?.tokensSeen ?? 0;
  t.deepEqual(compareJobs(all).at, {
    equal: 'tokens',
    value: Math.min(...all.map(({ history }) => lastOf(history.steps))),
  });
  t.deepEqual(compareJobs(all, 'steps').at, { equal: 'steps', value: Math.min(...steps) });
  const { at, rows } = compareJobs(all, 'time');
  t.is(at.equal, 'time');
  const [whole = 0, half = 0] = rows.find(({ name }) => name === 'time')?.values ?? [];
  // Of each the last step that was done by then.
  const longest = Math.max(
    ...messages.flatMap((one) => (one.type === 'step' ? [one.stepMs.total / 1000] : [])),
  );
  t.true(whole <= at.value && half <= at.value);
  t.true(whole > at.value - longest && half > at.value - longest);
});

test('results are compared by their evaluations, each form once', (t) => {
  const evaluation = 'pass: perplexity × 1.0016, KL divergence 0.0015 on 1,296 held-out tokens';
  const artifacts = ['pvc://a/merged', 'hf://o/n'].map((uri) => ({
    ...{ type: 'MergedSafetensors', uri, verdict: 'Pass' as const, evaluation },
  }));
  const history = historyOf(messages);
  const all = [
    { job, history },
    { job: aListedJob({ name: 'lora', status: { artifacts } }), history },
  ];
  const comparison = compareJobs(all);
  t.deepEqual(comparison.results, [{ name: 'lora', format: 'MergedSafetensors', evaluation }]);
  const style = { width: 80, glyphs: ascii, paint: painter(false), metric: 'loss' } as const;
  const told = compareText(comparison, all, style);
  t.true(told.replaceAll('\n', ' ').includes(`B MergedSafetensors ${evaluation}`));
});

test('a mean leaves out what is not finite, and two numbers have no noise where there is one', (t) => {
  const odd = messages.map(
    (message): Telemetry =>
      message.type === 'step' && message.step % 2 === 0 ? { ...message, loss: null } : message,
  );
  const { rows } = compareJobs([
    { job, history: historyOf(odd) },
    { job, history: historyOf(odd.slice(0, 12)) },
  ]);
  const loss = rows.find(({ name }) => name === 'train loss');
  t.true(loss?.values.every((value) => Number.isFinite(value)));
  t.deepEqual(loss?.differences[0], 0);
});

test('where nobody heard the workers, jobs are compared by what their status ends with', (t) => {
  const status = (step: number, trainLoss: string, completionTime: string) => ({
    ...{ startTime: '2026-01-01T00:00:00Z', completionTime },
    progress: { step, totalSteps: step, trainLoss, tokensPerSecond: '1000' },
  });
  const none = historyOf([]);
  const all = [
    { job: aListedJob({ status: status(300, '1.25', '2026-01-01T01:00:00Z') }), history: none },
    { job: aListedJob({ status: status(200, '1.5', '2026-01-01T00:30:00Z') }), history: none },
  ];
  const { from, rows } = compareJobs(all);
  t.is(from, 'status');
  t.deepEqual(
    rows.map(({ name, values, differences: [, second] }) => [name, values, second]),
    [
      ['steps', [300, 200], -100],
      ['train loss', [1.25, 1.5], 0.25],
      ['tokens/s', [1000, 1000], 0],
      ['time', [3600, 1800], -1800],
    ],
  );
  const style = { width: 80, glyphs: ascii, paint: painter(false), metric: 'loss' } as const;
  const text = compareText(compareJobs(all), all, style);
  t.regex(text, /as each status ends +A +B +B − A\n/);
  t.regex(text, /train loss +1\.250 +1\.500 +\+0\.250 +noise not known/);
  const idle = compareJobs([all[0]!, { job, history: none }]);
  t.deepEqual(idle.rows, []);
});

test('a run of which not every step was kept took as long as it took', (t) => {
  const kept = messages.filter(
    (message) => message.type !== 'step' || message.step === 1 || message.step % 4 === 0,
  );
  const { rows } = compareJobs([
    { job, history: historyOf(messages) },
    { job, history: historyOf(kept) },
  ]);
  const [whole, thinned] = rows.find(({ name }) => name === 'time')?.values ?? [];
  t.true(whole !== undefined && whole > 0);
  t.is(thinned, whole);
});
