import test from 'ava';
import * as z from 'zod';
import { type Rule, readsOf, rule, rulesOf } from '../../../crds/schema/rule.ts';
import { placedRules, printedJob } from '../../../crds/tree/schema-tree.ts';
import { celHolds } from '../../doubles/cel.ts';
import { decimalCases, ruleCases } from '../rule-cases.ts';

const { rules } = printedJob();

test('there are rules, and every one has accepting and rejecting examples', (t) => {
  t.true(rules.size > 40);
  for (const id of rules.keys()) {
    const cases = ruleCases[id] ?? decimalCases(id);
    t.true((cases?.accepts.length ?? 0) > 0 && (cases?.rejects.length ?? 0) > 0, id);
  }
});

test('no examples are left of rules that are gone', (t) => {
  for (const id of Object.keys(ruleCases)) t.true(rules.has(id), id);
});

for (const [id, one] of rules) {
  test(`the predicate and the CEL text agree: ${id}`, (t) => {
    const cases = ruleCases[id] ?? decimalCases(id);
    for (const value of cases?.accepts ?? []) {
      t.true(one.check(value), `predicate accepts ${JSON.stringify(value)}`);
      t.true(celHolds(one.cel, value), `CEL accepts ${JSON.stringify(value)}`);
    }
    for (const value of cases?.rejects ?? []) {
      t.false(one.check(value), `predicate rejects ${JSON.stringify(value)}`);
      t.false(celHolds(one.cel, value), `CEL rejects ${JSON.stringify(value)}`);
    }
  });
}

test('two rules with one id are the same rule', (t) => {
  const cels = new Map<string, string>();
  for (const { rule: one } of placedRules()) {
    t.is(cels.get(one.id) ?? one.cel, one.cel);
    cels.set(one.id, one.cel);
  }
});

test('what a rule reads is taken from its CEL text', (t) => {
  t.deepEqual(readsOf("has(self.a) || self.b.c == 'x'"), [['a'], ['b', 'c']]);
  t.deepEqual(readsOf('double(self) > 0.0'), [[]]);
  t.deepEqual(readsOf("self.name.startsWith('x')"), [['name']]);
  t.deepEqual(readsOf('myself.a'), []);
});

const ordered: Rule<{ low: number; high: number; note?: string | undefined }> = {
  id: 'ordered',
  cel: 'self.low <= self.high',
  check: (self) => self.low <= self.high,
  message: 'must not be above high',
  path: ['low'],
};
const pair = z.strictObject({ low: z.int(), high: z.int(), note: z.string().optional() });

test('a rule is judged although something it does not read is wrong', (t) => {
  const { error } = rule(pair, ordered).safeParse({ low: 3, high: 1, note: 7 });
  t.deepEqual(error?.issues.map(({ path }) => path.join('.')).sort(), ['low', 'note']);
});

test('a rule is silent when something it reads is of the wrong type', (t) => {
  const { error } = rule(pair, ordered).safeParse({ low: 'x', high: 1 });
  t.deepEqual(
    error?.issues.map(({ code }) => code),
    ['invalid_type'],
  );
});

test('rules of a schema add up and a cluster rule is not applied by the schema', (t) => {
  const never: Rule<unknown> = {
    id: 'never',
    cel: 'false',
    check: () => false,
    message: 'x',
    where: 'cluster',
  };
  const both = rule(rule(pair, ordered), never);
  t.deepEqual(
    rulesOf(both).map(({ id }) => id),
    ['ordered', 'never'],
  );
  t.true(both.safeParse({ low: 1, high: 2 }).success);
});
