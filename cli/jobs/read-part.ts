// Spec or status of a stored object, as far as they can be read. A value that cannot be read,
// because another version wrote it or because the CRD schema cannot express every rule of ours, is
// left out and reported in a sentence.
import type * as z from 'zod';
import { pathInWords } from '../../crds/manifest/problem.ts';
import { sentenceOf } from '../../crds/manifest/sentences.ts';
import { splitKnown } from '../../crds/manifest/unknown-keys.ts';
import { nodeAt, printSchema, type SchemaNode } from '../../crds/tree/schema-tree.ts';
import { valueAt } from '../../crds/tree/value-at.ts';
import type { Unread } from './job.ts';

type Path = readonly PropertyKey[];

interface Part<T> {
  readonly value: T;
  readonly unread: readonly { readonly path: Path; readonly message: string }[];
}

interface PartAsked<S extends z.ZodType> {
  readonly name: 'spec' | 'status';
  readonly schema: S;
  /** Schema of the whole object, for words about fields; asked for where one is unreadable. */
  readonly root: () => SchemaNode;
  /** Replaces required members that cannot be read. */
  readonly blank: () => z.input<S>;
}

/**
 * A removed value can expose a violation of a rule between other fields; each round removes more.
 */
const mostRounds = 8;

/** Unknown fields of a newer version are dropped silently, as the API server does. */
export function readPart<S extends z.ZodType>(
  object: object,
  { name, schema, root, blank }: PartAsked<S>,
): Part<z.output<S>> {
  const written: unknown = Reflect.get(object, name) ?? (name === 'status' ? {} : undefined);
  const whole = schema.safeParse(written);
  if (whole.success) return { value: whole.data, unread: [] };
  const tree = root();
  const unread: { path: Path; message: string }[] = [];
  let value = splitKnown(written, nodeAt([name], tree) ?? {}).value;
  for (let round = 0; round < mostRounds; round++) {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { value: parsed.data, unread };
    const { issues } = parsed.error;
    for (const issue of issues) {
      const path = [name, ...issue.path];
      if (round > 0 && unread.some((known) => isWithin(path, known.path))) continue;
      const observed = { value: valueAt(value, issue.path), source: undefined };
      unread.push({ path, message: sentenceOf({ ...issue, path }, observed, tree).message });
    }
    // From the last to the first, so that indices of a list stay valid.
    const wrong = placesOf(
      value,
      issues.map(({ path }) => path),
    );
    value = wrong.reduceRight((kept, path) => without(kept, path, blank()), value);
  }
  return { value: schema.parse(blank()), unread };
}

/** One sentence about all parts; undefined where all of them were read. */
export function unreadOf(parts: readonly Part<unknown>[]): Unread | undefined {
  const found = parts.flatMap(({ unread }) => unread);
  const [first] = found;
  if (first === undefined) return undefined;
  const more = found.length === 1 ? '' : `, and ${found.length - 1} more of its fields`;
  const paths = found.map(({ path }) => pathInWords(path));
  return { message: `${first.message}${more}`, paths };
}

const trees = new Map<z.ZodType, SchemaNode>();

/** Printed once per process, since it takes some tens of milliseconds. */
export function treeOf(schema: z.ZodType): SchemaNode {
  const tree = trees.get(schema) ?? printSchema(schema).root;
  trees.set(schema, tree);
  return tree;
}

/** A removed value that is then reported as missing is not a second problem. */
function isWithin(path: Path, other: Path): boolean {
  return path.every((key, index) => other[index] === key);
}

/**
 * What is there of each path: of a missing value that is its parent. Each once, and none inside
 * another, since an item of a list that lacks two members is removed once.
 */
function placesOf(value: unknown, paths: readonly Path[]): readonly Path[] {
  const places = paths.map((path) => {
    let at = path;
    while (at.length > 1 && valueAt(value, at) === undefined) at = at.slice(0, -1);
    return at;
  });
  return places.filter(
    (place, index) =>
      !places.some(
        (other, at) => isWithin(other, place) && (other.length < place.length || at < index),
      ),
  );
}

/** Removes the value at the path; where a required member is missing, the blank one comes. */
function without(value: unknown, path: Path, blank: unknown): unknown {
  const [key] = path;
  if (key === undefined || typeof value !== 'object' || value === null) return blank;
  if (path.length === 1 && valueAt(value, path) === undefined) {
    const instead: unknown = Reflect.get(blank as object, key);
    return instead === undefined ? blank : { ...value, [key]: instead };
  }
  return removed(value, path);
}

function removed(value: unknown, path: Path): unknown {
  const [key, ...rest] = path;
  if (typeof value !== 'object' || value === null || key === undefined) return value;
  if (Array.isArray(value)) {
    const index = Number(key);
    if (rest.length === 0) return value.filter((_, each) => each !== index);
    return value.map((item, each) => (each === index ? removed(item, rest) : item));
  }
  const entries = Object.entries(value).flatMap(([name, child]): [string, unknown][] => {
    if (name !== key) return [[name, child]];
    return rest.length === 0 ? [] : [[name, removed(child, rest)]];
  });
  return Object.fromEntries(entries);
}
