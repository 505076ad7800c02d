import test from 'ava';
import { seamEntries } from '../../../crds/methods/index.ts';
import { type SeamEntry, seamNames } from '../../../crds/methods/method.ts';

const entries = seamNames.flatMap((seam) =>
  (seamEntries[seam] as readonly SeamEntry[]).map((entry) => ({ seam, entry })),
);

test('an entry stands in the list of its own seam', (t) => {
  for (const { seam, entry } of entries) t.is(entry.seam, seam, entry.type);
});

test('types and members of a seam are different from each other', (t) => {
  for (const seam of seamNames) {
    const own = entries.filter((one) => one.seam === seam).map(({ entry }) => entry);
    t.is(new Set(own.map(({ type }) => type)).size, own.length);
    const members = own.map(({ member }) => member).filter((member) => member !== undefined);
    t.is(new Set(members).size, members.length);
  }
});

test('parameters without a value still resolve: each has a default or may be absent', (t) => {
  for (const { entry } of entries)
    t.true(entry.parameters?.safeParse({}).success ?? true, entry.type);
});

test('every entry is told in one sentence', (t) => {
  for (const { entry } of entries) t.regex(entry.summary, /^[A-Z].*\.$/, entry.type);
});
