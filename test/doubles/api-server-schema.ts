// How an API server judges an object against a structural schema: defaults first, then types and
// bounds, then the rules. Strict about unknown fields, as under `fieldValidation: Strict`. Written
// from the documentation of CRDs, not from our generator, so that the two can disagree.
import { intOrStringKey } from '../../crds/schema/quantity.ts';
import type { SchemaNode } from '../../crds/tree/schema-tree.ts';
import { celHolds } from './cel.ts';

export function withDefaults(node: SchemaNode, value: unknown): unknown {
  if (Array.isArray(value)) {
    return node.items === undefined ? value : value.map((item) => withDefaults(node.items!, item));
  }
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = { ...value };
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    if (out[key] === undefined && child.default !== undefined)
      out[key] = structuredClone(child.default);
    if (out[key] !== undefined) out[key] = withDefaults(child, out[key]);
  }
  if (typeof node.additionalProperties === 'object') {
    for (const key of Object.keys(out))
      out[key] = withDefaults(node.additionalProperties, out[key]);
  }
  return out;
}

/**
 * Paths and reasons; the object must have its defaults. Rules run only where the types are right,
 * as on a server.
 */
export function serverProblems(node: SchemaNode, value: unknown): readonly string[] {
  const typed = typeProblems(node, value, '');
  return typed.length > 0 ? typed : ruleProblems(node, value, '');
}

function typeProblems(node: SchemaNode, value: unknown, path: string): string[] {
  if (node[intOrStringKey] === true) {
    const text = typeof value === 'string' && new RegExp(node.pattern ?? '').test(value);
    const whole = Number.isInteger(value) && Number(value) >= (node.minimum ?? -Infinity);
    return text || whole ? [] : [`${path}: int or string`];
  }
  const problem = (why: string) => [`${path}: ${why}`];
  if (node.enum !== undefined && !node.enum.includes(value)) return problem('enum');
  switch (node.type) {
    case 'string':
      return typeof value === 'string' ? stringProblems(node, value, path) : problem('string');
    case 'boolean':
      return typeof value === 'boolean' ? [] : problem('boolean');
    case 'integer':
      return integerProblems(node, value, path);
    case 'array':
      return Array.isArray(value) ? arrayProblems(node, value, path) : problem('array');
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
        ? objectProblems(node, value as Record<string, unknown>, path)
        : problem('object');
    default:
      return problem(`type ${node.type}`);
  }
}

function stringProblems(node: SchemaNode, value: string, path: string): string[] {
  const length = [...value].length;
  return [
    ...(length < (node.minLength ?? 0) ? [`${path}: minLength`] : []),
    ...(length > (node.maxLength ?? Number.POSITIVE_INFINITY) ? [`${path}: maxLength`] : []),
    ...(node.pattern !== undefined && !new RegExp(node.pattern).test(value)
      ? [`${path}: pattern`]
      : []),
    ...(node.format === 'date-time' && Number.isNaN(Date.parse(value)) ? [`${path}: time`] : []),
  ];
}

function integerProblems(node: SchemaNode, value: unknown, path: string): string[] {
  if (!Number.isInteger(value)) return [`${path}: integer`];
  const number = value as number;
  const [low, high] = node.format === 'int32' ? [-(2 ** 31), 2 ** 31 - 1] : [-(2 ** 53), 2 ** 53];
  const below = number < Math.max(node.minimum ?? low, low);
  const above = number > Math.min(node.maximum ?? high, high);
  return below || above ? [`${path}: bounds`] : [];
}

function arrayProblems(node: SchemaNode, value: readonly unknown[], path: string): string[] {
  return [
    ...(value.length < (node.minItems ?? 0) ? [`${path}: minItems`] : []),
    ...(value.length > (node.maxItems ?? Number.POSITIVE_INFINITY) ? [`${path}: maxItems`] : []),
    ...value.flatMap((item, index) => typeProblems(node.items ?? {}, item, `${path}[${index}]`)),
  ];
}

function objectProblems(node: SchemaNode, value: Record<string, unknown>, path: string): string[] {
  // Only `metadata` is bare: the server has a schema of its own for it.
  if (node.properties === undefined && node.additionalProperties === undefined) return [];
  const known = node.properties ?? {};
  const values =
    typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
  const keys = Object.keys(value).filter((key) => value[key] !== undefined);
  const most = node.maxProperties ?? Number.POSITIVE_INFINITY;
  return [
    ...(node.required ?? [])
      .filter((key) => !keys.includes(key))
      .map((key) => `${path}.${key}: required`),
    ...(keys.length > most ? [`${path}: maxProperties`] : []),
    ...keys.flatMap((key) => {
      const child = Object.hasOwn(known, key) ? known[key] : values;
      if (child === undefined) return [`${path}.${key}: unknown field`];
      return typeProblems(child, value[key], `${path}.${key}`);
    }),
  ];
}

function ruleProblems(node: SchemaNode, value: unknown, path: string): string[] {
  const rules = (node['x-kubernetes-validations'] ?? []) as { rule: string; message: string }[];
  const own = rules
    .filter(({ rule }) => !rule.includes('oldSelf') && !celHolds(rule, value))
    .map(({ rule }) => `${path}: ${rule}`);
  if (Array.isArray(value)) {
    return [
      ...own,
      ...value.flatMap((item, i) => ruleProblems(node.items ?? {}, item, `${path}[${i}]`)),
    ];
  }
  if (typeof value !== 'object' || value === null) return own;
  const below = Object.entries(value).flatMap(([key, child]) => {
    const schema = node.properties?.[key];
    return schema === undefined || child === undefined
      ? []
      : ruleProblems(schema, child, `${path}.${key}`);
  });
  return [...own, ...below];
}
