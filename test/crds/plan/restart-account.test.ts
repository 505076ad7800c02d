import test from 'ava';
import {
  countRestart,
  overdrawn,
  restartPauseSeconds,
} from '../../../crds/plan/restart-account.ts';
import { aPolicy, aState, startMs } from '../../builders/situation.ts';

const none = aState().restarts;

test('a restart is counted in the window, since the last checkpoint, and by its cause', (t) => {
  const policy = aPolicy({ restartWindowSeconds: 60 });
  const first = countRestart(none, 'Hang', startMs, policy);
  const second = countRestart(first, 'Hang', startMs + 59_000, policy);
  const third = countRestart(second, 'ProcessCrashed', startMs + 61_000, policy);
  t.like(second, { counted: 2, sinceCommit: 2, lastCause: 'Hang', repeats: 2 });
  t.like(third, { counted: 3, lastCause: 'ProcessCrashed', repeats: 1 });
  t.is(second.window.length, 2);
  t.is(third.window.length, 2, 'the first has left the window');
});

test('without a window all restarts of the life of a job are counted', (t) => {
  const policy = aPolicy({ restartWindowSeconds: 0, maxRestarts: 2 });
  const account = { ...none, counted: 2 };
  t.is(overdrawn(account, policy, 'x'), undefined);
  t.is(overdrawn({ ...account, counted: 3 }, policy, 'x')?.code, 'E_BUDGET_EXHAUSTED');
});

test('the window never grows beyond what the record may hold', (t) => {
  let account = none;
  for (let i = 0; i < 300; i += 1) account = countRestart(account, 'Hang', startMs, aPolicy());
  t.is(account.window.length, 128);
  const policy = aPolicy({ maxRestarts: 127 });
  const forgiven = { ...account, sinceCommit: 0 };
  t.is(overdrawn(forgiven, policy, 'x')?.code, 'E_BUDGET_EXHAUSTED', 'the most that may be set');
});

test('a restart leaves the window when it is older than that, not when it is as old', (t) => {
  const policy = aPolicy({ restartWindowSeconds: 60 });
  const first = countRestart(none, 'Hang', startMs, policy);
  t.is(countRestart(first, 'Hang', startMs + 60_000, policy).window.length, 2);
  t.is(countRestart(first, 'Hang', startMs + 60_001, policy).window.length, 1);
});

test('pauses double from one second to five minutes', (t) => {
  const pauses = [0, 1, 2, 3, 9, 10, 50].map((sinceCommit) =>
    restartPauseSeconds({ ...none, sinceCommit }),
  );
  t.deepEqual(pauses, [0, 1, 2, 4, 256, 300, 300]);
});
