import test from 'ava';
import {
  allCombinations,
  coveringCombinations,
  pairsOfAxes,
  refusalOf,
  typesOf,
  verdicts,
} from '../../../crds/combinations/combinations.ts';
import { combinationsPage } from '../../../crds/explain/combinations-page.ts';
import { axisNames } from '../../../crds/methods/method.ts';

/** Each of them, asked once. */
const judged = allCombinations().map((each) => ({ each, refusal: refusalOf(each) }));
const allowed = judged.flatMap(({ each, refusal }) => (refusal === null ? [each] : []));

test('every value of every axis stands in some job that is allowed', (t) => {
  for (const axis of axisNames) {
    for (const type of typesOf(axis)) {
      t.true(
        allowed.some((one) => one[axis] === type),
        `${axis} ${type}`,
      );
    }
  }
});

test('a pair is refused exactly where no job has it, with the sentence of a job that has', (t) => {
  for (const { one, other, refused } of verdicts()) {
    const both = judged.filter(
      ({ each }) => each[one[0]] === one[1] && each[other[0]] === other[1],
    );
    const refusals = new Set(both.map(({ refusal }) => refusal));
    t.is(refused === null, refusals.has(null), `${one} ${other}`);
    if (refused !== null) t.true(refusals.has(refused));
  }
  const sizes = pairsOfAxes().map(([a, b]) => typesOf(a).length * typesOf(b).length);
  t.is(
    verdicts().length,
    sizes.reduce((a, b) => a + b),
  );
});

test('what is known of some pairs', (t) => {
  const of = (a: string, b: string) =>
    verdicts().find(({ one, other }) => one[1] === a && other[1] === b)?.refused;
  t.is(of('LISA', 'AdamW8bit'), null);
  t.is(of('OwLore', 'GaLore'), null);
  t.is(of('LoRA', 'LISA'), null);
  t.regex(of('LoRA', 'GaLore') ?? '', /^spec\.method\.optimizer\.type projects the gradients/);
});

test('few combinations hold every pair that is allowed', (t) => {
  const chosen = coveringCombinations();
  t.true(chosen.length <= allowed.length);
  for (const one of chosen) t.is(refusalOf(one), null);
  for (const { one, other, refused } of verdicts()) {
    const isRun = chosen.some((each) => each[one[0]] === one[1] && each[other[0]] === other[1]);
    t.is(isRun, refused === null, `${one} ${other}`);
  }
});

test('the page has a table for each two axes and a sentence for each number', (t) => {
  const page = combinationsPage();
  for (const [one, other] of pairsOfAxes()) t.true(page.includes(`## ${one} and ${other}\n`));
  const numbers = new Set([...page.matchAll(/no \((\d+)\)/g)].map(([, number]) => Number(number)));
  const sentences = [...page.matchAll(/^(\d+)\. `spec\./gm)].map(([, number]) => Number(number));
  t.deepEqual(
    [...numbers].toSorted((a, b) => a - b),
    sentences,
  );
});
