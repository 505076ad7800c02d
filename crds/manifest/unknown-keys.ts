// Unknown keys. They are found and removed before the schema is applied, so that one mistyped key
// does not hide other problems. Each comes with a hint: a similar name, the position where the name
// belongs, or a sentence for reserved and omitted names.

import { inWords } from '../schema/text.ts';
import { nearestName } from '../text/nearest-name.ts';
import type { SchemaNode } from '../tree/schema-tree.ts';
import { elsewhere } from './elsewhere.ts';
import { pathInWords } from './problem.ts';

interface UnknownKey {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly hint: string | undefined;
}

interface Known {
  /** The value without the unknown keys. */
  readonly value: unknown;
  readonly unknown: readonly UnknownKey[];
}

export function splitKnown(
  value: unknown,
  node: SchemaNode,
  path: readonly PropertyKey[] = [],
): Known {
  if (Array.isArray(value)) {
    const items = node.items ?? {};
    return join(
      value.map((item, index) => splitKnown(item, items, [...path, index])),
      (parts) => parts,
    );
  }
  if (typeof value !== 'object' || value === null || node.properties === undefined) {
    return { value, unknown: [] };
  }
  const known = node.properties;
  // `metadata` is open: the API server validates it.
  const open = node.additionalProperties !== false;
  const entries = Object.entries(value);
  const kept = entries.filter(([key]) => open || Object.hasOwn(known, key));
  const parts = kept.map(([key, child]) => splitKnown(child, known[key] ?? {}, [...path, key]));
  const joined = join(parts, (values) =>
    Object.fromEntries(kept.map(([key], index) => [key, values[index]])),
  );
  const unknown = entries
    .filter(([key]) => !open && !Object.hasOwn(known, key))
    .map(([key]) => describe([...path, key], key, Object.keys(known)));
  return { value: joined.value, unknown: [...unknown, ...joined.unknown] };
}

function describe(
  path: readonly PropertyKey[],
  key: string,
  siblings: readonly string[],
): UnknownKey {
  const parent = path.length === 1 ? 'a job' : pathInWords(path.slice(0, -1));
  const message = `${pathInWords(path)} is not a field of ${parent}`;
  const near = nearestName(key, siblings);
  const other = elsewhere(path, key);
  if (other?.kind === 'sentence') return { path, message, hint: other.text };
  if (near !== undefined) return { path, message, hint: `did you mean ${near}?` };
  if (other !== undefined) return { path, message, hint: `did you mean ${other.text}?` };
  const shown = siblings.slice(0, 16);
  const list = inWords(shown, 'and') + (siblings.length > shown.length ? ', and more' : '');
  return { path, message, hint: `${parent} has ${list}` };
}

function join(parts: readonly Known[], build: (values: readonly unknown[]) => unknown): Known {
  return {
    value: build(parts.map((part) => part.value)),
    unknown: parts.flatMap((part) => part.unknown),
  };
}
