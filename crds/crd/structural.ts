// Converts our schema tree to a structural schema of Kubernetes (KEP-2335), or throws with the
// reason. Structural means: every value has a type outside of anyOf, and only keywords that the API
// server knows. Our strictness about unknown keys is dropped: the API server prunes them, and
// rejects them under strict field validation.
import { Bug } from '../failures/errors.ts';
import { decimalPattern, notNegative, unsignedPattern } from '../schema/decimal.ts';
import { intOrStringKey } from '../schema/quantity.ts';
import type { Rule } from '../schema/rule.ts';
import { celText, wordsKey } from '../schema/text.ts';
import { rulesIn, type SchemaNode } from '../tree/schema-tree.ts';

const kept = new Set([
  'type',
  'description',
  'required',
  'enum',
  'default',
  'format',
  'pattern',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
]);

/** Bounds that only restate the range of a 32-bit or safe integer. */
const bareBounds = new Set([
  2 ** 31 - 1,
  -(2 ** 31),
  Number.MAX_SAFE_INTEGER,
  Number.MIN_SAFE_INTEGER,
]);

export function toStructural(node: SchemaNode, path = ''): SchemaNode {
  if (node[intOrStringKey] === true) return intOrString(node);
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) {
    if (key.startsWith('x-kubernetes-') || kept.has(key)) out[key] = value;
    else if (!isDropped(key))
      throw new Bug(`the schema of ${path} has ${key}, which a CRD cannot express`);
  }
  if (node.type === undefined) throw new Bug(`the schema of ${path} has no type`);
  if (node.format === 'date-time') delete out['pattern'];
  for (const bound of ['minimum', 'maximum'] as const) {
    if (bareBounds.has(node[bound] ?? Number.NaN)) delete out[bound];
  }
  // Between two bounds of its own, a number has no need of those of its width.
  if ('minimum' in out && 'maximum' in out) delete out['format'];
  const words = node[wordsKey];
  if (typeof words === 'string') delete out['pattern'];
  const own = rulesIn(node).map(toValidation);
  const rules = typeof words === 'string' ? withForm(node, words, own) : own;
  if (rules.length > 0) {
    out['x-kubernetes-validations'] = rules;
    Object.assign(out, wholeDefault(node));
  }
  Object.assign(out, structuralParts(node, path));
  // Built key by key from a node of the same shape.
  return out as SchemaNode;
}

/**
 * The default of a node with rules: the API server validates it against them before it fills in
 * nested defaults.
 */
export function wholeDefault(node: SchemaNode): Pick<SchemaNode, 'default'> {
  return node.default === undefined ? {} : { default: filledIn(node, node.default) };
}

function filledIn(node: SchemaNode, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || node.properties === undefined) return value;
  const inside = Object.entries(node.properties).flatMap(([key, child]) => {
    const given: unknown = Reflect.get(value, key) ?? child.default;
    return given === undefined ? [] : [[key, filledIn(child, given)] as const];
  });
  return Object.fromEntries(inside);
}

export interface Validation {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
}

/**
 * For a violated pattern the API server prints the pattern; for a rule, its message. The bounds of
 * a number can be asked only of a text that is one, so they are in the same rule.
 */
function withForm(
  { pattern = '' }: SchemaNode,
  words: string,
  rules: readonly Validation[],
): readonly Validation[] {
  const [bounds] = rules;
  if (pattern !== decimalPattern.source || bounds === undefined) {
    return [{ rule: matches(pattern), message: `must be ${words}` }, ...rules];
  }
  // A hundred fields say this, and client-side apply limits the definition.
  const message = `${bounds.message} (a decimal)`;
  const asked = bounds.rule.split(' && ');
  const [first = ''] = asked;
  const unsigned = first === notNegative || first === 'double(self) > 0.0';
  const form = matches(unsigned ? unsignedPattern.source : pattern);
  return [{ rule: [form, ...asked.filter((part) => part !== notNegative)].join(' && '), message }];
}

/** As a raw text where that is shorter: a backslash is one then. */
function matches(pattern: string): string {
  const plain = pattern.replaceAll('\\/', '/');
  const isRaw = plain.includes('\\') && !plain.includes("'");
  return `self.matches(${isRaw ? `r'${plain}'` : celText(plain)})`;
}

export function toValidation({
  cel,
  message,
  hint,
  path,
}: Pick<Rule, 'cel' | 'message' | 'hint' | 'path'>): Validation {
  const text = hint === undefined ? message : `${message} (${hint})`;
  return path === undefined || path.length === 0
    ? { rule: cel, message: text }
    : { rule: cel, message: text, fieldPath: `.${path.join('.')}` };
}

function structuralParts(node: SchemaNode, path: string): Record<string, unknown> {
  const parts: Record<string, unknown> = {};
  if (node.properties !== undefined) {
    parts['properties'] = Object.fromEntries(
      Object.entries(node.properties).map(([key, child]) => [
        key,
        toStructural(child, `${path}.${key}`),
      ]),
    );
  }
  if (node.items !== undefined) parts['items'] = toStructural(node.items, `${path}[]`);
  if (typeof node.additionalProperties === 'object') {
    parts['additionalProperties'] = toStructural(node.additionalProperties, `${path}.*`);
  }
  return parts;
}

/** The one union that a structural schema allows, as in Kubernetes' own types. */
function intOrString({ description, pattern, minimum }: SchemaNode): SchemaNode {
  return {
    ...(description === undefined ? {} : { description }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(minimum === undefined ? {} : { minimum }),
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    'x-kubernetes-int-or-string': true,
  };
}

function isDropped(key: string): boolean {
  return (
    key.startsWith('x-anneal-') ||
    ['properties', 'items', 'additionalProperties', 'propertyNames', '$schema'].includes(key)
  );
}
