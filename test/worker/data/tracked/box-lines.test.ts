import test from 'ava';
import { readBoxes } from '../../../../worker/data/tracked/box-lines.ts';
import { UnusableRecord } from '../../../../worker/files/unusable-record.ts';

test('a line is left, top, width and height, with commas, tabs or spaces between', (t) => {
  const expected = [
    [1, 2, 4, 6],
    [1.5, -2, 4.5, 2],
  ];
  for (const sign of [',', '\t', ' ', ', ']) {
    const lines = [
      ['1', '2', '3', '4'],
      ['1.5', '-2', '3', '4'],
    ].map((line) => line.join(sign));
    t.deepEqual(readBoxes(`${lines.join('\r\n')}\n\n`), expected);
  }
});

test('a box without an area, or of no numbers, is a frame without the object', (t) => {
  t.deepEqual(readBoxes('0,0,0,0\n1,1,5,-1\nNaN,NaN,NaN,NaN\n2,2,1,1'), [
    ...[null, null, null],
    [2, 2, 3, 3],
  ]);
});

test('another line is refused with its number', (t) => {
  for (const line of ['1,2,3', '1,2,3,4,5', 'a,b,c,d', '1,2,,4']) {
    t.throws(() => readBoxes(`1,2,3,4\n${line}\n`), {
      instanceOf: UnusableRecord,
      message: /in line 2; a line must be left, top, width and height of a box/,
    });
  }
});
