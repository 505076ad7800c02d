import test from 'ava';
import {
  pageBytes,
  pagesOf,
  planServing,
  type ServingQuestion,
} from '../../../crds/plan/serving-memory.ts';
import { smol135 } from '../../builders/facts.ts';

const gib = 2 ** 30;
const question: ServingQuestion = {
  base: { facts: smol135, storedBfloat16: 0 },
  ...{ dtype: 'float32', device: { type: 'cpu', bytes: gib } },
  limits: { together: 8, context: 512, cacheBytes: gib },
  ...{ adapterBytes: 0, lanes: 1 },
};

test('a page has keys and values of 16 tokens in all blocks', (t) => {
  t.is(pageBytes(smol135, 4), 2 * 30 * 3 * 16 * 64 * 4);
});

test('there are as many pages as the memory holds, and no more than can be used', (t) => {
  const { limits } = question;
  t.is(pagesOf(smol135, 4, { ...limits, cacheBytes: 10 * pageBytes(smol135, 4) + 1 }), 10);
  t.is(pagesOf(smol135, 4, limits), 8 * 32);
  t.is(pagesOf(smol135, 4, { ...limits, cacheBytes: 1 }), 0);
});

test('the parts add up, and weights keep the bytes of their file where they can', (t) => {
  const { parts, peak, fits } = planServing(question);
  t.is(
    Object.values(parts).reduce((sum, part) => sum + part, 0),
    peak,
  );
  t.is(parts.weights, 4 * 134_515_008);
  t.is(parts.cache, 257 * pageBytes(smol135, 4));
  t.true(fits);
  const narrow = { ...question, base: { ...question.base, storedBfloat16: 134_515_008 } };
  t.is(planServing(narrow).parts.weights, 2 * 134_515_008);
});

const larger: readonly (readonly [string, Partial<ServingQuestion>])[] = [
  ['more adapters', { adapterBytes: 2 ** 20 }],
  ['a longer context', { limits: { ...question.limits, context: 1024 } }],
  ['more sequences', { limits: { ...question.limits, together: 16 } }],
  ['requests of several sequences', { lanes: 4 }],
];

for (const [what, changes] of larger) {
  test(`a server needs more with ${what}`, (t) => {
    t.true(planServing({ ...question, ...changes }).peak > planServing(question).peak);
  });
}

test('a server does not fit where the sum is more than there is', (t) => {
  const { peak } = planServing(question);
  const on = (bytes: number) => planServing({ ...question, device: { type: 'cpu', bytes } });
  t.true(on(peak).fits);
  t.false(on(peak - 1).fits);
});
