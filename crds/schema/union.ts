// Unions in the only form that a structural schema allows: an object whose members are all
// optional. Two kinds: by `type` (`{type: LoRA, lora: {...}}`), and by presence (exactly one member
// of a source).
import type * as z from 'zod';
import { type Rule, rule } from './rule.ts';
import { inWords } from './text.ts';

/** Exactly one of the members is set. */
export function exactlyOne<S extends z.ZodType>(
  schema: S,
  id: string,
  members: readonly string[],
): S {
  const count = members.map((member) => `(has(self.${member}) ? 1 : 0)`).join(' + ');
  const one: Rule = {
    id,
    cel: `${count} == 1`,
    check: (self) => members.filter((member) => isPresent(self, member)).length === 1,
    message: `must have exactly one of ${inWords(members, 'and')}`,
  };
  return rule(schema, one);
}

/** No member other than that of `type`. */
export function onlyNamedMember<S extends z.ZodType>(
  schema: S,
  id: string,
  members: Readonly<Record<string, string>>,
): S {
  const rules = Object.entries(members).map(
    ([type, member]): Rule => ({
      id: `${id}: ${member} only with ${type}`,
      cel: `!has(self.${member}) || self.type == '${type}'`,
      check: (self) => !isPresent(self, member) || typeOf(self) === type,
      message: `is set, but type is not ${type}`,
      path: [member],
    }),
  );
  return rule(schema, ...rules);
}

function isPresent(value: unknown, key: string): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.hasOwn(value, key) &&
    Reflect.get(value, key) !== undefined
  );
}

function typeOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, 'type') : undefined;
}
