import test from 'ava';
import fc from 'fast-check';
import { copyNameText, newestFirst, parseCopyName } from '../../../crds/wire/copies.ts';

const number = fc.nat(1e9);
const name = fc
  .record({
    round: number,
    position: number,
    step: number,
    size: fc.integer({ min: 1, max: 99 }),
  })
  .chain((moment) => fc.nat(moment.size - 1).map((rank) => ({ ...moment, rank })));

test('a name says what it is of, and nothing else is taken for one', (t) => {
  fc.assert(fc.property(name, (one) => t.deepEqual(parseCopyName(copyNameText(one)), one)));
  for (const other of ['', '1-2-3-0-of-1.partial', '1-2-3-2-of-2', '../1-2-3-0-of-1', '1-2-3-0']) {
    t.is(parseCopyName(other), undefined, other);
  }
});

test('what a later round made is newer, whatever its step', (t) => {
  const at = (round: number, position: number) => ({ round, position, step: 9, size: 2 });
  const sorted = [at(1, 20), at(2, 9), at(2, 12)].sort(newestFirst);
  t.deepEqual(sorted, [at(2, 12), at(2, 9), at(1, 20)]);
});
