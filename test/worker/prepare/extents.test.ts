import test from 'ava';
import fc from 'fast-check';
import { gaps, merge } from '../../../worker/prepare/extents.ts';

const bytes = 60;
const extents = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: bytes }), fc.integer({ min: 0, max: bytes }))
    .filter(([a, b]) => a !== b)
    .map(([a, b]) => ({ begin: Math.min(a, b), end: Math.max(a, b) })),
  { maxLength: 12 },
);

function cover(list: readonly { begin: number; end: number }[]): boolean[] {
  return Array.from({ length: bytes }, (_, at) => list.some((e) => e.begin <= at && at < e.end));
}

test('Merged extents hold the same bytes, sorted and apart', (t) => {
  fc.assert(
    fc.property(extents, (list) => {
      const merged = merge(list);
      t.deepEqual(cover(merged), cover(list));
      for (const [i, { begin }] of merged.slice(1).entries()) t.true(begin > merged[i]!.end);
    }),
  );
});

test('Gaps are exactly the bytes that are missing', (t) => {
  fc.assert(
    fc.property(extents, (list) => {
      const missing = gaps(merge(list), bytes);
      t.deepEqual(
        cover(missing),
        cover(list).map((held) => !held),
      );
      t.true(missing.every(({ begin, end }) => begin < end));
    }),
  );
});
