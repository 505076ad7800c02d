import test from 'ava';
import { compareJobs } from '../../../cli/commands/compare.ts';
import { historyOf } from '../../../cli/metrics/history.ts';
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
