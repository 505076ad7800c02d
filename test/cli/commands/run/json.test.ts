import test from 'ava';
import type { StoredRun } from '../../../../cli/client/run-store.ts';
import { runJson } from '../../../../cli/commands/run/json.ts';
import { messagesOfARun } from '../../../builders/run-messages.ts';

test('every line names the job by namespace and name, whatever the worker calls it', (t) => {
  const lines: string[] = [];
  const view = runJson((line) => lines.push(line));
  const record = { name: 'first', namespace: 'team' };
  view.begin({ record, folder: '/runs/first/1', number: 1 } as StoredRun, false);
  const messages = messagesOfARun();
  for (const message of messages) view.see(message);
  t.is(lines.length, messages.length + 1);
  for (const line of lines) {
    const keys = JSON.parse(line) as { job: string; type: string };
    t.is(keys.job, 'team/first', keys.type);
    t.is(Object.keys(keys)[0], 'job');
  }
  t.true(messages.some((message) => 'job' in message && message.job === 'first'));
});
