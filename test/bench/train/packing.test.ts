import test from 'ava';
import { packingTables } from './packing.ts';

test('what lies between a packed job and TRL as users get it is taken apart', (t) => {
  const text = packingTables(
    new Map([
      ['ours, packed', [400, 440]],
      ['ours, not packed', [200, 220]],
      ['TRL, packed', [100, 110]],
      ['TRL, not packed', [80, 88]],
      ['TRL as users get it', [40, 44]],
    ]),
  );
  t.true(text.includes('| ours, packed | 420 (400–440) |'));
  const ratio = (what: string) =>
    new RegExp(`\\| ${what} \\| [^|]+ \\| ([0-9.]+) \\(`).exec(text)?.[1];
  t.is(ratio('all of it'), '10.00');
  t.is(ratio('packing alone, ours'), '2.00');
  t.is(ratio('packing alone, TRL'), '1.25');
  t.is(ratio('the step alone, both packed'), '4.00');
  t.is(ratio('the step alone, neither packed'), '2.50');
  t.is(ratio('settings of TRL alone'), '2.00');
});
