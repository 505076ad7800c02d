import test from 'ava';
import fc from 'fast-check';
import { type Growth, pagesFor, peakPages } from '../../../worker/decoding/admission.ts';
import { Pages } from '../../../worker/decoding/pages.ts';
import { type Question, Sequence } from '../../../worker/decoding/sequence.ts';

const growth = fc.record({
  tokens: fc.integer({ min: 1, max: 60 }),
  left: fc.integer({ min: 0, max: 40 }),
  lanes: fc.integer({ min: 1, max: 3 }),
});

/** Step by step: each that has tokens left takes one more, then those without any are gone. */
function simulated(start: readonly Growth[], pageTokens: number): number {
  let live = start;
  let most = 0;
  while (live.length > 0) {
    const held = live
      .flatMap(({ tokens, lanes }) => Array<number>(lanes).fill(tokens))
      .reduce((sum, tokens) => sum + pagesFor(tokens, pageTokens), 0);
    most = Math.max(most, held);
    live = live
      .filter(({ left }) => left > 0)
      .map(({ tokens, left, lanes }) => ({ tokens: tokens + 1, left: left - 1, lanes }));
  }
  return most;
}

test('the worst case is what a simulation of the future needs', (t) => {
  const growths = fc.array(growth, { maxLength: 12 });
  fc.assert(
    fc.property(growths, fc.constantFrom(1, 4, 16), (start, pageTokens) => {
      t.is(peakPages(start, pageTokens), simulated(start, pageTokens));
    }),
    { numRuns: 500 },
  );
});

const question = fc.record({
  prompt: fc.integer({ min: 1, max: 30 }),
  maxTokens: fc.integer({ min: 1, max: 30 }),
  lanes: fc.integer({ min: 1, max: 2 }),
  /** After how many tokens it ends by itself. */
  ends: fc.integer({ min: 0, max: 40 }),
});

test('one that is started when the worst case fits never runs out of pages', (t) => {
  const [pageTokens, total] = [4, 30];
  let together = 0;
  fc.assert(
    fc.property(fc.array(question, { minLength: 1, maxLength: 20 }), (asked) => {
      const pages = new Pages(total);
      const waiting = asked.map(({ prompt, maxTokens, ends, lanes }): [Question, number] => [
        {
          ...{ ...greedy, prompt: Array<number>(prompt).fill(3), maxTokens },
          ensemble: () => Array.from({ length: lanes }, () => ({ weight: 1 / lanes })),
        },
        ends,
      ]);
      let live: readonly (readonly [Sequence, number])[] = [];
      while (waiting.length > 0 || live.length > 0) {
        for (let [next] = waiting; next !== undefined; [next] = waiting) {
          const sequence = new Sequence(next[0]);
          const growths = [...live.map(([one]) => one.growth), sequence.growth];
          if (peakPages(growths, pageTokens) > total) break;
          waiting.shift();
          live = [...live, [sequence, next[1]]];
        }
        together = Math.max(together, live.length);
        for (const [sequence, ends] of live) {
          // Throws where no page is left.
          sequence.extend(pages, pageTokens);
          for (const { pages: own, cached, ids } of sequence.lanes) {
            t.true(own.length * pageTokens >= cached + ids.length);
          }
          sequence.add(sequence.made.length === ends ? stopId : 3);
          if (sequence.end !== undefined) pages.give(sequence.leave());
        }
        live = live.filter(([{ end }]) => end === undefined);
      }
      t.is(pages.free, total);
    }),
    { numRuns: 200 },
  );
  t.true(together > 3);
});

const stopId = 9;
const greedy = { temperature: 0, stop: new Set([stopId]), draw: () => 0 };
