import test from 'ava';
import { withPlacedRules } from '../../../crds/crd/place-rules.ts';
import type { Validation } from '../../../crds/crd/structural.ts';
import type { SchemaNode } from '../../../crds/tree/schema-tree.ts';

const text: SchemaNode = { type: 'string' };
const part: SchemaNode = { type: 'object', properties: { a: text, b: text } };
const node: SchemaNode = {
  type: 'object',
  required: ['sure'],
  properties: {
    text,
    sure: { ...part, properties: { ...part.properties, inner: part } },
    filled: { ...part, default: {}, properties: { a: { ...text, default: 'x' } } },
    maybe: part,
  },
};

/** The rule as it stands in the end, and where. */
function placed(rule: string, fieldPath?: string): Validation & { readonly at: string } {
  const given = { rule, message: 'm', ...(fieldPath === undefined ? {} : { fieldPath }) };
  const found = rulesIn(withPlacedRules(node, [given]), '');
  if (found[0] === undefined || found.length > 1) throw new Error(`${found.length} rules`);
  return found[0];
}

function rulesIn(of: SchemaNode, at: string): (Validation & { readonly at: string })[] {
  const own = (of['x-kubernetes-validations'] ?? []) as readonly Validation[];
  const inside = Object.entries(of.properties ?? {});
  return [
    ...own.map((rule) => ({ ...rule, at })),
    ...inside.flatMap(([key, child]) => rulesIn(child, `${at}.${key}`)),
  ];
}

test('a rule stands at the smallest object that has all that it speaks of', (t) => {
  t.deepEqual(placed("self.sure.a == 'x' || has(self.sure.b)", '.sure.a'), {
    ...{ at: '.sure', message: 'm' },
    rule: "self.a == 'x' || has(self.b)",
    fieldPath: '.a',
  });
  t.is(placed("self.text == 'x' || self.sure.a == 'x'").at, '');
  t.is(placed("self.filled.a.matches('self.text')").rule, "self.a.matches('self.text')");
});

test('a rule about values of before stands there, too', (t) => {
  const { at, rule } = placed('self.sure == oldSelf.sure || self.sure.a == oldSelf.sure.a');
  t.is(at, '.sure');
  t.is(rule, 'self == oldSelf || self.a == oldSelf.a');
});

test('an object that may be absent takes a rule that holds without it, and no other', (t) => {
  t.deepEqual(placed("!has(self.maybe) || self.maybe.a == 'x'", '.maybe'), {
    ...{ at: '.maybe', message: 'm' },
    rule: "self.a == 'x'",
  });
  t.is(placed("has(self.maybe) || self.text == 'x'").at, '');
  t.is(placed('has(self.maybe)').at, '');
  t.is(placed("!has(self.maybe) || (has(self.maybe.a) ? true : self.text == 'x')").at, '');
  t.is(placed('!has(self.maybe) || has(self.maybe.a) ? true : false').at, '');
  t.is(placed('!has(self.maybe) || self.maybe != oldSelf.maybe').at, '');
  t.is(placed("!has(self.sure.inner) || self.sure.inner.a == 'x'").at, '.sure.inner');
});

test('a message stays with the field that it is about', (t) => {
  t.is(placed("self.sure.a == 'x'", '.text').at, '');
  t.is(placed("self.sure.a == 'x'", '.sure').fieldPath, undefined);
});

test('a default is whole where rules stand: they see it before defaults in it are filled in', (t) => {
  const { properties } = withPlacedRules(node, [{ rule: "self.filled.a != 'y'", message: 'm' }]);
  t.deepEqual(properties?.['filled']?.default, { a: 'x' });
});
