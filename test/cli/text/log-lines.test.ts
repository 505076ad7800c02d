import test from 'ava';
import fc from 'fast-check';
import type { LogLine } from '../../../cli/jobs/source.ts';
import { foldLines, isWanted, logLineText, ranksText } from '../../../cli/text/log-lines.ts';

const said = (index: number, time: number, text: string): LogLine => {
  return { index, time, level: 'info', text };
};
const plain = { paint: (text: string) => text, time: false, marks: true };

test('what several workers say at once is one line with all their marks', (t) => {
  const lines = [0, 1, 2, 3].map((index) => said(index, 10 + index / 10, 'world formed'));
  const folded = foldLines([...lines, said(2, 11, 'restored step 40')]);
  t.deepEqual(
    folded.map((line) => logLineText(line, plain)),
    ['w0–w3│ world formed', 'w2│ restored step 40'],
  );
});

test('the same words later are another line, and often from one worker are counted', (t) => {
  const lines = [said(0, 1, 'waiting'), said(0, 1.5, 'waiting'), said(0, 60, 'waiting')];
  t.deepEqual(
    foldLines(lines).map((line) => logLineText(line, plain)),
    ['w0│ waiting (×2)', 'w0│ waiting'],
  );
});

test('folding loses no line and puts them in the order of time', (t) => {
  const line = fc.record({
    index: fc.nat(3),
    time: fc.integer({ min: 0, max: 20 }),
    level: fc.constantFrom('info' as const, 'error' as const),
    text: fc.constantFrom('a', 'b'),
  });
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const folded = foldLines(lines);
      t.is(
        folded.reduce((sum, { times }) => sum + times, 0),
        lines.length,
      );
      const times = folded.map(({ time }) => time);
      t.deepEqual(
        times,
        times.toSorted((a, b) => a - b),
      );
    }),
  );
});

test('workers are named as a range where none is missing', (t) => {
  t.is(ranksText([3]), 'w3');
  t.is(ranksText([0, 1, 2]), 'w0–w2');
  t.is(ranksText([0, 2]), 'w0,w2');
});

test('lines are wanted by worker, time, level and words', (t) => {
  const line = said(1, 100, 'step 7 of 20');
  const filter = { ranks: undefined, since: undefined, grep: undefined, least: 'info' as const };
  t.true(isWanted(line, filter));
  t.false(isWanted(line, { ...filter, ranks: new Set([0]) }));
  t.false(isWanted(line, { ...filter, since: 101 }));
  t.false(isWanted(line, { ...filter, least: 'warn' }));
  t.true(isWanted(line, { ...filter, grep: /step \d/ }));
  t.false(isWanted(line, { ...filter, grep: /stop/ }));
});

test('escape sequences of a worker do not reach the terminal', (t) => {
  const [line] = foldLines([said(0, 1, 'a\u001b[2Jb\nc')]);
  t.is(logLineText(line!, plain), 'w0│ a[2Jb c');
});
