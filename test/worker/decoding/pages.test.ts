import test from 'ava';
import fc from 'fast-check';
import { Pages } from '../../../worker/decoding/pages.ts';

test('no page has two owners, and those given back are taken again', (t) => {
  const draw = fc.sample(fc.nat({ max: 2 ** 30 }), { numRuns: 100_000, seed: 1 });
  const total = 64;
  const pages = new Pages(total);
  const owned: number[] = [];
  const seen = new Set<number>();
  for (const number of draw) {
    if (number % 4 !== 0 && pages.free > 0) {
      const page = pages.take();
      if (owned.includes(page) || page < 1 || page > total) t.fail(`page ${page} was not free`);
      owned.push(page);
      seen.add(page);
    } else if (owned.length > 0) {
      pages.give(owned.splice(number % owned.length, 1 + (number % 3)));
    }
    if (owned.length + pages.free !== total) t.fail(`${owned.length} taken, ${pages.free} free`);
  }
  t.true(seen.size > total / 2);
  pages.give(owned);
  t.is(pages.free, total);
  const all = Array.from({ length: total }, () => pages.take());
  t.is(new Set(all).size, total);
  t.throws(() => pages.take(), { message: /all 64 pages/ });
});

test('a page is given back once, by who took it', (t) => {
  const pages = new Pages(2);
  const page = pages.take();
  pages.give([page]);
  t.throws(() => pages.give([page]), { message: `page ${page} of the cache is not taken` });
  t.throws(() => pages.give([0]), { message: /page 0/ });
});
