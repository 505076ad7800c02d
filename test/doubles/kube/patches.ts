// The two kinds of patch that the operator sends, as small as they can be: JSON patch with `test`,
// and server-side apply where each manager owns the leaves it applied last. Conditions are a map by
// type; every other list is one leaf.
import { isDeepStrictEqual } from 'node:util';

export type Tree = { [key: string]: unknown };

export interface PatchStep {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

/** Null when a `test` does not hold. */
export function jsonPatched(object: Tree, steps: readonly PatchStep[]): Tree | null {
  const copy = structuredClone(object);
  for (const { op, path, value } of steps) {
    const keys = path.split('/').slice(1).map(unescaped);
    const last = keys.pop() ?? '';
    const parent = keys.reduce<unknown>((at, key) => (at as Tree | undefined)?.[key], copy);
    if (typeof parent !== 'object' || parent === null) return null;
    const holder = parent as Tree;
    if (op === 'test') {
      if (!isDeepStrictEqual(holder[last], value)) return null;
    } else if (op === 'remove') {
      if (Array.isArray(parent)) parent.splice(Number(last), 1);
      else delete holder[last];
    } else if (Array.isArray(parent)) {
      if (last === '-') parent.push(value);
      else if (op === 'add') parent.splice(Number(last), 0, value);
      else parent[Number(last)] = value;
    } else holder[last] = value;
  }
  return copy;
}

function unescaped(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** RFC 7386. */
export function mergePatched(object: unknown, patch: unknown): unknown {
  if (!isTree(patch)) return patch;
  const copy: Tree = isTree(object) ? { ...object } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete copy[key];
    else copy[key] = mergePatched(copy[key], value);
  }
  return copy;
}

/**
 * `owned` is what every manager applied last, this one already replaced; `before` what this one
 * applied before.
 */
export function applied(object: Tree, next: Tree, before: Tree, others: readonly Tree[]): Tree {
  const copy = structuredClone(object);
  const kept = new Set([next, ...others].flatMap((tree) => leaves(tree).map(([path]) => path)));
  for (const [path] of leaves(before)) if (!kept.has(path)) removeAt(copy, path.split('\0'));
  for (const [path, value] of leaves(next)) setAt(copy, path.split('\0'), value);
  return copy;
}

function leaves(value: unknown, path: readonly string[] = []): [string, unknown][] {
  if (isConditions(path, value)) {
    return value.flatMap((each) => leaves(each, [...path, `type=${each['type']}`]));
  }
  if (!isTree(value) || Object.keys(value).length === 0) return [[path.join('\0'), value]];
  return Object.entries(value).flatMap(([key, member]) => leaves(member, [...path, key]));
}

function isConditions(path: readonly string[], value: unknown): value is Tree[] {
  return path.at(-1) === 'conditions' && Array.isArray(value);
}

function setAt(root: Tree, path: readonly string[], value: unknown): void {
  let at: Tree = root;
  for (const [index, key] of path.slice(0, -1).entries()) {
    const child = childOf(at, key) ?? {};
    if (childOf(at, key) === undefined) {
      if (Array.isArray(at)) at.push(Object.assign(child, { type: key.slice(5) }));
      else at[key] = path[index + 1]?.startsWith('type=') ? [] : child;
    }
    at = childOf(at, key) as Tree;
  }
  at[path.at(-1) ?? ''] = structuredClone(value);
}

function removeAt(root: Tree, path: readonly string[]): void {
  const parents: Tree[] = [root];
  for (const key of path.slice(0, -1)) {
    const child = childOf(parents.at(-1) as Tree, key);
    if (child === undefined) return;
    parents.push(child);
  }
  delete (parents.at(-1) as Tree)[path.at(-1) ?? ''];
  for (let depth = path.length - 2; depth >= 0; depth--) {
    const parent = parents[depth] as Tree;
    const key = path[depth] ?? '';
    const child = childOf(parent, key);
    const empty = child !== undefined && Object.keys(child).every((each) => each === 'type');
    if (!empty) return;
    if (Array.isArray(parent)) parent.splice(parent.indexOf(child), 1);
    else delete parent[key];
  }
}

function childOf(at: Tree, key: string): Tree | undefined {
  if (Array.isArray(at)) return at.find((each: Tree) => `type=${each['type']}` === key);
  const child = at[key];
  return isTree(child) || Array.isArray(child) ? (child as Tree) : undefined;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
