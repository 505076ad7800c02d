import test from 'ava';
import { parseProgress, progressForLog } from '../../../crds/wire/federation-pod.ts';
import { longestTerminationMessage } from '../../../crds/wire/termination-message.ts';
import { tells } from '../../builders/federation.ts';

test('what a pod says at its end is read again', (t) => {
  const progress = tells({ state: 'Complete', submitted: 3, epsilon: 1.5 });
  t.deepEqual(parseProgress(progressForLog(progress)), progress);
});

test('sixty-four clients do not fit into a termination log, and all else does', (t) => {
  const names = Array.from({ length: 64 }, (_, i) => `client-${i}`.padEnd(63, 'x'));
  const refused = names.map((client) => ({ client, reason: 'r'.repeat(200) }));
  const failure = { code: 'E_INTERNAL', message: 'm'.repeat(1000), hint: 'h'.repeat(400) };
  const progress = tells({ state: 'Failed', clients: { used: [], refused }, failure });
  const text = progressForLog(progress);
  t.true(Buffer.byteLength(text) <= longestTerminationMessage);
  t.deepEqual(parseProgress(text)?.failure, failure);
});

test('other words than ours are no progress', (t) => {
  for (const text of ['', 'Killed', '{', '{"v":2}', '[]', `{"v":1,"doing":"${'a'.repeat(300)}"}`]) {
    t.is(parseProgress(text), undefined);
  }
});
