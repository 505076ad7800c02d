// Rules of the spec, each moved to the smallest object that has all that it speaks of. There they
// are shorter, and client-side apply limits the definition. They also cost the API server less: it
// evaluates them at each write of the status too, and reading one field of an object takes it as
// long as the object has fields. Those of an optional object are not evaluated where it is absent.
import type { SchemaNode } from '../tree/schema-tree.ts';
import { validationsOf } from './definition.ts';
import { type Validation, wholeDefault } from './structural.ts';

type Path = readonly string[];

/** The node with `rules` behind its own; `self` in them is the node. */
export function withPlacedRules(node: SchemaNode, rules: readonly Validation[]): SchemaNode {
  const all = [...validationsOf(node), ...rules];
  const byChild = Map.groupBy(all, (rule) => childOf(node, rule));
  const inside = Object.entries(node.properties ?? {}).map(([key, child]) => {
    const moved = byChild.get(key)?.map((rule) => below(rule, key)) ?? [];
    if (moved.length === 0) return [key, child] as const;
    return [key, withPlacedRules({ ...child, ...wholeDefault(child) }, moved)] as const;
  });
  const own = byChild.get(undefined) ?? [];
  const { 'x-kubernetes-validations': _, ...rest } = node;
  return {
    ...rest,
    ...(node.properties && { properties: Object.fromEntries(inside) }),
    ...(own.length > 0 && { 'x-kubernetes-validations': own }),
  };
}

/** The property of `node` that has all that the rule speaks of, if it is an object. */
function childOf(node: SchemaNode, rule: Validation): string | undefined {
  const { rule: cel, fieldPath } = rule;
  const [key, ...others] = new Set(referencesIn(cel).map(([first]) => first));
  const child = key === undefined ? undefined : node.properties?.[key];
  if (key === undefined || child?.properties === undefined || others.length > 0) return undefined;
  if (fieldPath !== undefined && fieldPath.split('.')[1] !== key) return undefined;
  const isAlwaysThere = node.required?.includes(key) === true || child.default !== undefined;
  const asked = withoutGuard(cel, key);
  if (asked === undefined) return isAlwaysThere && !asksForPresence(cel, key) ? key : undefined;
  return referencesIn(asked).some(([, second]) => second === undefined) ? undefined : key;
}

function below({ rule, message, fieldPath }: Validation, key: string): Validation {
  const cel = withoutGuard(rule, key) ?? rule;
  const place = fieldPath?.slice(key.length + 1) ?? '';
  return {
    rule: cel.replaceAll(new RegExp(`\\b(self|oldSelf)\\.${key}\\b`, 'g'), '$1'),
    message,
    ...(place !== '' && { fieldPath: place }),
  };
}

/** What the rule asks of `key` where there is one; undefined for another kind of rule. */
function withoutGuard(cel: string, key: string): string | undefined {
  const guard = `!has(self.${key}) || `;
  const asked = cel.startsWith(guard) ? cel.slice(guard.length) : undefined;
  return asked === undefined || hasOpenChoice(asked) ? undefined : asked;
}

/** `a || b ? c : d` is `(a || b) ? c : d`: without `a` it is another choice. */
function hasOpenChoice(cel: string): boolean {
  let depth = 0;
  for (const character of cel.replaceAll(/'[^']*'/g, '')) {
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (character === '?' && depth === 0) return true;
  }
  return false;
}

function asksForPresence(cel: string, key: string): boolean {
  return new RegExp(`\\bhas\\((self|oldSelf)\\.${key}\\)`).test(cel);
}

/** The paths that a rule reads; of `self` itself, the empty one. */
function referencesIn(cel: string): Path[] {
  const found = cel
    .replaceAll(/'[^']*'/g, "''")
    .matchAll(/\b(?:self|oldSelf)\b((?:\.[A-Za-z]\w*\b(?!\())*)/g);
  return [...found].map(([, path = '']) => path.split('.').slice(1));
}
