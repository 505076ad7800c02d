// The answer of `anneal explain PATH`, read from the schema: description, type, default, and
// whether the field may change later.

import type { Mutability } from '../schema/mutability.ts';
import { boundsOf } from '../tree/field-words.ts';
import {
  children,
  defaultOf,
  jobSchema,
  mutabilityOf,
  type SchemaNode,
} from '../tree/schema-tree.ts';

export interface FieldDoc {
  readonly path: string;
  /** `whole number, 1 to 1024`, `list of text`, `object`. */
  readonly type: string;
  readonly description: string;
  readonly required: boolean;
  readonly default: unknown;
  readonly allowed: readonly unknown[] | undefined;
  readonly mutability: Mutability;
  /** Paths of the nested fields. */
  readonly fields: readonly string[];
}

let docs: ReadonlyMap<string, FieldDoc> | undefined;

/** All fields by path; list items have `[]`, map values `.*`. */
export function fieldDocs(): ReadonlyMap<string, FieldDoc> {
  docs ??= new Map(walk(jobSchema(), '', false, 'Immutable').map((doc) => [doc.path, doc]));
  return docs;
}

/** Accepts `spec.training`, `training`, `.spec.training.epochs`, `spec.worker.env[0].name`. */
export function explainField(path: string): FieldDoc | undefined {
  const plain = path.replace(/^\./, '').replaceAll(/\[\d+\]/g, '[]');
  const all = fieldDocs();
  return all.get(plain) ?? all.get(`spec.${plain}`);
}

export function allPaths(): readonly string[] {
  return [...fieldDocs().keys()];
}

function walk(
  node: SchemaNode,
  path: string,
  required: boolean,
  inherited: Mutability,
): FieldDoc[] {
  const mutability = mutabilityOf(node) ?? inherited;
  const below = children(node, path);
  const own: FieldDoc = {
    path,
    type: boundsOf(node).type,
    description: node.description ?? '',
    required,
    default: defaultOf(node),
    allowed: node.enum,
    mutability,
    fields: below.map((child) => child.path),
  };
  const rest = below.flatMap((child) => {
    const name = child.path.slice(child.path.lastIndexOf('.') + 1);
    return walk(child.node, child.path, node.required?.includes(name) === true, mutability);
  });
  return path === '' ? rest : [own, ...rest];
}
