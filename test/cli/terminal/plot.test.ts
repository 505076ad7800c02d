import test from 'ava';
import fc from 'fast-check';
import { ascii, block, braille } from '../../../cli/terminal/glyphs.ts';
import { bar, type Point, plot, trailingMeans } from '../../../cli/terminal/plot.ts';

const sets = { ascii, block, braille };
const points = fc.array(
  fc.record({
    x: fc.integer({ min: 0, max: 1e6 }),
    y: fc.double({ min: -1e3, max: 1e3, noNaN: true }),
  }),
  { maxLength: 200 },
);
const size = fc.record({
  width: fc.integer({ min: 1, max: 60 }),
  height: fc.integer({ min: 1, max: 12 }),
});

/** Rows that have ink in a column of characters, from the top. */
const inked = (lines: readonly string[], column: number): readonly number[] =>
  lines.flatMap((line, row) => (([...line][column] ?? ' ') === ' ' ? [] : [row]));

test('any points fill exactly the height asked for and never more than the width', (t) => {
  fc.assert(
    fc.property(points, size, fc.constantFrom(...Object.values(sets)), (some, area, glyphs) => {
      const lines = plot(some, area, glyphs);
      t.is(lines.length, some.length === 0 ? 0 : area.height);
      for (const line of lines) t.true([...line].length <= area.width);
    }),
  );
  t.pass();
});

test('no column between the first and the last point is empty', (t) => {
  fc.assert(
    fc.property(points, size, (some, area) => {
      const xs = new Set(some.map(({ x }) => x));
      fc.pre(xs.size > 1);
      const lines = plot(some, area, ascii);
      for (let column = 0; column < area.width; column++) t.true(inked(lines, column).length > 0);
    }),
  );
  t.pass();
});

test('a spike of one step among thousands is drawn to the top', (t) => {
  const many: Point[] = Array.from({ length: 5000 }, (_, x) => ({ x, y: x === 2345 ? 9 : 1 }));
  for (const glyphs of [braille, ascii]) {
    const lines = plot(many, { width: 30, height: 6 }, glyphs);
    t.is(lines[0]?.trim().length, 1);
  }
});

test('a falling line goes from the top left to the bottom right', (t) => {
  const line = Array.from({ length: 50 }, (_, x) => ({ x, y: -x }));
  const lines = plot(line, { width: 10, height: 5 }, ascii);
  t.deepEqual(inked(lines, 0), [0]);
  t.deepEqual(inked(lines, 9), [4]);
  t.is(
    plot(line, { width: 10, height: 5 }, braille).join('\n'),
    `⠑⢄
  ⠑⢄
    ⠑⢄
      ⠑⢄
        ⠑⢄`,
  );
});

test('losses that are not finite are left out', (t) => {
  const lines = plot(
    [
      { x: 0, y: 1 },
      { x: 1, y: Number.NaN },
      { x: 2, y: 1 },
    ],
    { width: 3, height: 1 },
    ascii,
  );
  t.deepEqual(lines, ['***']);
  t.deepEqual(plot([{ x: 0, y: Number.NaN }], { width: 3, height: 1 }, ascii), []);
});

test('a bar is as long as it was asked for, whatever the share', (t) => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), fc.integer({ min: 0, max: 80 }), (share, width) => {
      t.is(bar(share, width, ascii).length, width);
    }),
  );
  t.is(bar(0.5, 4, ascii), '##..');
});

test('a trailing mean begins at once, lies between its values, and passes over what is not finite', (t) => {
  const of = (...ys: number[]) => ys.map((y, x) => ({ x, y }));
  t.deepEqual(trailingMeans(of(4, 2, 3, 7), 2), of(4, 3, 2.5, 5));
  t.deepEqual(trailingMeans(of(4, Number.NaN, 2), 2), of(4, Number.NaN, 2));
  t.deepEqual(trailingMeans(of(4, 2, 3), 1), of(4, 2, 3));
  fc.assert(
    fc.property(points, fc.integer({ min: 1, max: 30 }), (some, count) => {
      for (const [index, { y }] of trailingMeans(some, count).entries()) {
        const window = some
          .slice(Math.max(0, index + 1 - count), index + 1)
          .map((point) => point.y);
        const slack = 1e-9 * Math.max(1, ...window.map(Math.abs));
        t.true(y >= Math.min(...window) - slack && y <= Math.max(...window) + slack);
      }
    }),
  );
});
