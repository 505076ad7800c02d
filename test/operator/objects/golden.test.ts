import { readFileSync } from 'node:fs';
import test from 'ava';
import { goldenCases, goldenFile, goldenText } from './golden-cases.ts';

for (const each of goldenCases) {
  test(`the objects of the job "${each.name}" are those that were evaluated at`, (t) => {
    t.is(goldenText(each), readFileSync(goldenFile(each.name), 'utf8'));
  });
}
