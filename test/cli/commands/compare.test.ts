import test from 'ava';
import { compareJobs } from '../../../cli/commands/compare.ts';
import { historyOf } from '../../../cli/metrics/history.ts';
import { aListedJob } from '../../builders/listed-job.ts';
import { messagesOfARun } from '../../builders/run-messages.ts';

test('a run of which not every step was kept took as long as it took', (t) => {
  const job = aListedJob({ name: 'halo' });
  const messages = messagesOfARun(40);
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
