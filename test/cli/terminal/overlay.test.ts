import test from 'ava';
import fc from 'fast-check';
import { ascii, braille } from '../../../cli/terminal/glyphs.ts';
import { overlay } from '../../../cli/terminal/overlay.ts';

const line = (slope: number) => Array.from({ length: 40 }, (_, x) => ({ x, y: slope * x }));
const text = (rows: ReturnType<typeof overlay>) =>
  rows.map((cells) =>
    cells
      .map((cell) => cell.text)
      .join('')
      .trimEnd(),
  );

test('two curves are two letters in plain text, in one frame', (t) => {
  t.deepEqual(text(overlay([line(1), line(-1)], { width: 9, height: 5 }, ascii)), [
    '      AAA',
    '  AAAAA',
    'BBB',
    '  BBBBB',
    '      BBB',
  ]);
});

test('each cell says whose curve it is, and dashes tell them apart without colours', (t) => {
  const rows = overlay([line(1), line(-1)], { width: 40, height: 6 }, braille);
  const owners = new Set(rows.flat().map(({ series }) => series));
  t.deepEqual(owners, new Set([undefined, 0, 1]));
  const drawn = (series: number) => rows.flat().filter((cell) => cell.series === series).length;
  t.true(drawn(1) < drawn(0), 'the second one is dashed');
});

test('whatever the curves are, every row has the width that was asked for', (t) => {
  const value = fc.oneof(fc.double(), fc.integer({ min: -5, max: 5 }));
  const curve = fc.array(fc.record({ x: fc.nat(100), y: value }), { maxLength: 20 });
  fc.assert(
    fc.property(
      fc.array(curve, { maxLength: 4 }),
      fc.integer({ min: 1, max: 30 }),
      (curves, width) => {
        for (const glyphs of [ascii, braille]) {
          const rows = overlay(curves, { width, height: 4 }, glyphs);
          t.true(rows.length === 0 || rows.length === 4);
          for (const cells of rows) t.is(cells.length, width);
        }
      },
    ),
  );
});
