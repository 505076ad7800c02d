// The schema of a job as a plain tree, printed from zod, with our own metadata: rules, mutability,
// documented defaults. The CRD, `explain`, the sentences about invalid job files and the mutability
// rules are all derived from it.
import * as z from 'zod';
import { fineTuneJob } from '../api/job.ts';
import { defaultKey } from '../methods/axis.ts';
import { type Mutability, mutabilityKey } from '../schema/mutability.ts';
import { type Rule, ruleKey } from '../schema/rule.ts';

export interface SchemaNode {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly anyOf?: readonly SchemaNode[];
  readonly [key: `x-${string}`]: unknown;
}

interface PrintedSchema {
  readonly root: SchemaNode;
  /** Rules with their predicates, which printing loses. The same id is the same rule everywhere. */
  readonly rules: ReadonlyMap<string, Rule>;
}

let printed: PrintedSchema | undefined;

/** Printed once per process, since it takes some tens of milliseconds. */
export function printedJob(): PrintedSchema {
  printed ??= printSchema(fineTuneJob);
  return printed;
}

export function jobSchema(): SchemaNode {
  return printedJob().root;
}

export function printSchema(schema: z.ZodType): PrintedSchema {
  const rules = new Map<string, Rule>();
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    unrepresentable: 'throw',
    override: ({ zodSchema, jsonSchema }) => {
      const { format } = zodSchema._zod.def as { readonly format?: string };
      if (format === 'int32') jsonSchema.format = 'int32';
      if (format === 'safeint') jsonSchema.format = 'int64';
      for (const one of rulesIn(jsonSchema as SchemaNode)) rules.set(one.id, one);
    },
  });
  // These are the keywords of the interface: structural.ts refuses a tree with others.
  return { root: json as unknown as SchemaNode, rules };
}

export function mutabilityOf(node: SchemaNode): Mutability | undefined {
  return node[mutabilityKey] as Mutability | undefined;
}

/** The default that the API server fills in, or one that a preset may replace. */
export function defaultOf(node: SchemaNode): unknown {
  return node.default ?? node[defaultKey];
}

interface PlacedRule {
  readonly path: string;
  readonly rule: Rule;
}

let placed: readonly PlacedRule[] | undefined;

/**
 * Every rule with the path of its value: `spec.training`, `spec.worker.env[]`. Computed once per
 * process.
 */
export function placedRules(): readonly PlacedRule[] {
  placed ??= rulesBelow(jobSchema(), '');
  return placed;
}

function rulesBelow(node: SchemaNode, path: string): readonly PlacedRule[] {
  const own = rulesIn(node).map((rule) => ({ path, rule }));
  return [...own, ...children(node, path).flatMap((child) => rulesBelow(child.node, child.path))];
}

export function rulesIn(node: SchemaNode): readonly Rule[] {
  return (node[ruleKey] ?? []) as readonly Rule[];
}

interface PlacedNode {
  readonly path: string;
  readonly node: SchemaNode;
}

export function children(node: SchemaNode, path: string): readonly PlacedNode[] {
  const prefix = path === '' ? '' : `${path}.`;
  const named = Object.entries(node.properties ?? {}).map(([key, child]) => ({
    path: `${prefix}${key}`,
    node: child,
  }));
  const items = node.items === undefined ? [] : [{ path: `${path}[]`, node: node.items }];
  const values =
    typeof node.additionalProperties === 'object'
      ? [{ path: `${path}.*`, node: node.additionalProperties }]
      : [];
  return [...named, ...items, ...values];
}

/** The node at a path of keys and indices; undefined below a leaf or for an unknown key. */
export function nodeAt(
  path: readonly PropertyKey[],
  root: SchemaNode = jobSchema(),
): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const key of path) {
    if (node === undefined) return undefined;
    if (typeof key === 'number') node = node.items;
    else node = node.properties?.[String(key)] ?? mapValue(node);
  }
  return node;
}

function mapValue(node: SchemaNode): SchemaNode | undefined {
  return typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
}
