import { EventEmitter } from 'node:events';
import test from 'ava';
import { shutdownSignal } from '../../../operator/runtime/shutdown.ts';

test('the first signal aborts, the second one ends the process at once', (t) => {
  const source = new EventEmitter();
  let ended = 0;
  const signal = shutdownSignal(source, () => {
    ended += 1;
  });
  t.false(signal.aborted);
  source.emit('SIGTERM');
  t.true(signal.aborted);
  t.is((signal.reason as Error).message, 'SIGTERM was received');
  t.is(ended, 0);
  source.emit('SIGINT');
  t.is(ended, 1);
});
