import test from 'ava';
import { add, closingLine, exitCodeOf, nothing, timeInWords } from './tally.ts';

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

test('processor time is added where it was told', (t) => {
  const some = { ...nothing, processorSeconds: 1.5 };
  t.is(add(some, { ...nothing, processorSeconds: 2 }).processorSeconds, 3.5);
  t.is(add(nothing, some).processorSeconds, 1.5);
  t.false('processorSeconds' in add(nothing, nothing));
});

test('the time of a group says whether it computed or waited', (t) => {
  const time = { milliseconds: 61_400, idle: 0.256 };
  const some = { ...nothing, processorSeconds: 90.4 };
  t.is(timeInWords(some, time), '61 s, 90 s of processors, machine 26 % idle');
  t.is(timeInWords(nothing, time), '61 s, machine 26 % idle');
});
