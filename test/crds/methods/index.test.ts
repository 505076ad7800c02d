import test from 'ava';
import { axisEntries } from '../../../crds/methods/index.ts';
import { type AxisEntry, axisNames } from '../../../crds/methods/method.ts';

const entries = axisNames.flatMap((axis) =>
  (axisEntries[axis] as readonly AxisEntry[]).map((entry) => ({ axis, entry })),
);

test('an entry stands in the list of its own axis', (t) => {
  for (const { axis, entry } of entries) t.is(entry.axis, axis, entry.type);
});

test('types and members of an axis are different from each other', (t) => {
  for (const axis of axisNames) {
    const own = entries.filter((one) => one.axis === axis).map(({ entry }) => entry);
    t.is(new Set(own.map(({ type }) => type)).size, own.length);
    const members = own.map(({ member }) => member).filter((member) => member !== undefined);
    t.is(new Set(members).size, members.length);
  }
});

test('parameters without a value still resolve: each has a default or may be absent', (t) => {
  for (const { entry } of entries)
    t.true(entry.parameters?.safeParse({}).success ?? true, entry.type);
});

test('what follows an abstract, or a paper without code, says that it is a reconstruction', (t) => {
  const told = entries.filter(({ entry }) => /A reconstruction\b/.test(entry.summary));
  const types = ['ALLoRA', 'BlockLoRA', 'CoLoRA', 'DiffoRA', 'GGPO', 'S2LoRA'];
  t.deepEqual(told.map(({ entry }) => entry.type).toSorted(), types);
});

test('every entry is told in one sentence', (t) => {
  for (const { entry } of entries) t.regex(entry.summary, /^[A-Z].*\.$/, entry.type);
});
