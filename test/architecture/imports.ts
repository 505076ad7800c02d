/**
 * What a TypeScript file imports and exports, read with regular expressions: biome has brought
 * every file into one form, and TypeScript 7 has no stable programming interface.
 */
import { posix } from 'node:path';
import type { SourceFile } from './sources.ts';

export interface Import {
  readonly specifier: string;
  /** Root-relative path of a relative import, otherwise undefined. */
  readonly file: string | undefined;
  /** Erased at run time. */
  readonly typeOnly: boolean;
  /** Names taken; `*` for a namespace or a dynamic import. */
  readonly names: readonly string[];
}

const statement =
  /^(?:import|export)\s+(type\s+)?((?:[\w$]+\s*,\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+[\w$]+)?|[\w$]+))\s+from\s+'([^']+)'/gm;
const bare = /^import\s+'([^']+)'/gm;
const dynamic = /\bimport\(\s*'([^']+)'\s*\)(?:\.(\w+))?/g;

export function importsOf({ path, text }: SourceFile): readonly Import[] {
  const resolve = (specifier: string) =>
    specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined;
  const code = withoutComments(text);
  return [
    ...[...code.matchAll(statement)].map(([, type, clause = '', specifier = '']) => ({
      specifier,
      file: resolve(specifier),
      typeOnly: type !== undefined || onlyTypes(clause),
      names: namesOf(clause),
    })),
    ...[...code.matchAll(bare)].map(([, specifier = '']) => ({
      specifier,
      file: resolve(specifier),
      typeOnly: false,
      names: [],
    })),
    ...[...code.matchAll(dynamic)].map(([, specifier = '', name]) => ({
      specifier,
      file: resolve(specifier),
      // A dynamic import is taken at run time, late: it makes no cycle while loading.
      typeOnly: true,
      names: [name && /^[A-Z]/.test(name) ? name : '*'],
    })),
  ];
}

function onlyTypes(clause: string): boolean {
  if (!clause.startsWith('{')) return false;
  return clause
    .slice(1, -1)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .every((name) => name.startsWith('type '));
}

function namesOf(clause: string): readonly string[] {
  const braces = /\{([^}]*)\}/.exec(clause)?.[1];
  if (braces === undefined) return [clause.startsWith('*') ? '*' : 'default'];
  return braces
    .split(',')
    .map((name) => name.trim().replace(/^type\s+/, ''))
    .filter((name) => name !== '')
    .map((name) => name.split(/\s+as\s+/)[0] ?? name);
}

const declaration =
  /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:function\*?|class|const|let|type|interface)\s+([\w$]+)/gm;
const exportList = /^export\s+(?:type\s+)?\{([^}]*)\};/gm;

export function exportsOf({ text }: SourceFile): readonly string[] {
  const code = withoutComments(text);
  return [
    ...[...code.matchAll(declaration)].map(([, name = '']) => name),
    ...[...code.matchAll(exportList)].flatMap(([, names = '']) =>
      names
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '')
        .map((name) => name.split(/\s+as\s+/).at(-1) ?? name),
    ),
  ];
}

/** Block comments may quote code; line comments cannot hide a statement that starts a line. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '));
}

/** A path of imports that comes back to where it began, or undefined. Edges are `[from, to]`. */
export function findCycle(
  edges: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  const done = new Set<string>();
  const stack: string[] = [];
  const visit = (node: string): readonly string[] | undefined => {
    const at = stack.indexOf(node);
    if (at >= 0) return [...stack.slice(at), node];
    if (done.has(node)) return undefined;
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    stack.pop();
    done.add(node);
    return undefined;
  };
  for (const node of edges.keys()) {
    const cycle = visit(node);
    if (cycle) return cycle;
  }
  return undefined;
}
