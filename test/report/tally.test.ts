import test from 'ava';
import { add, closingLine, exitCodeOf, nothing } from './tally.ts';

test('the closing line names skipped tests only when there are some', (t) => {
  t.is(closingLine({ passed: 12, failed: 0, skipped: 0 }), '12 passed, 0 failed');
  t.is(closingLine({ passed: 12, failed: 1, skipped: 3 }), '12 passed, 1 failed, 3 skipped');
});

test('the closing line names the groups that did not run', (t) => {
  const some = add(
    { passed: 12, failed: 0, skipped: 0 },
    { ...nothing, leftOut: ['cluster', 'losses'] },
  );
  t.is(closingLine(some), '12 passed, 0 failed; left out: cluster, losses');
  const more = add(some, { ...nothing, skipped: 1, leftOut: ['gpu'] });
  t.is(closingLine(more), '12 passed, 0 failed, 1 skipped; left out: cluster, losses, gpu');
});

test('a run in which nothing ran is not green', (t) => {
  t.is(exitCodeOf(nothing), 1);
  t.is(exitCodeOf({ passed: 0, failed: 0, skipped: 5 }), 1);
});

test('one failure among many passes is not green', (t) => {
  const sum = add({ passed: 999, failed: 0, skipped: 0 }, { passed: 0, failed: 1, skipped: 0 });
  t.like(sum, { passed: 999, failed: 1, skipped: 0 });
  t.is(exitCodeOf(sum), 1);
  t.is(exitCodeOf({ passed: 1, failed: 0, skipped: 0 }), 0);
});
