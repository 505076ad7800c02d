// One document of a file against the schema of its kind: what it says, and all that is wrong with
// it, each at its position in the file.
import type * as z from 'zod';
import type { SchemaNode } from '../tree/schema-tree.ts';
import { valueAt } from '../tree/value-at.ts';
import type { Problem } from './problem.ts';
import { sentenceOf } from './sentences.ts';
import { splitKnown } from './unknown-keys.ts';
import type { Position, YamlDocument } from './yaml-text.ts';

/** Converts what was found at a path into a problem with its position in the file. */
export type ProblemAt = (
  path: readonly PropertyKey[],
  found: Omit<Problem, 'file' | 'line' | 'column' | 'path'>,
) => Problem;

export function problemsIn(document: YamlDocument, file: string): ProblemAt {
  return (path, found) => ({ ...placed(file, path, document.positionOf(path)), ...found });
}

interface ReadDocument<T> {
  /** Undefined where the schema refuses it. A key that is not known is a problem, and left out. */
  readonly value: T | undefined;
  readonly problems: readonly Problem[];
}

/** `root`: the schema as it is printed. */
export function readDocument<S extends z.ZodType>(
  document: YamlDocument,
  file: string,
  schema: S,
  root: SchemaNode,
): ReadDocument<z.output<S>> {
  const code = 'E_INVALID_SPEC' as const;
  if (document.problems.length > 0) {
    const problems = document.problems.map(({ message, ...position }) => ({
      ...placed(file, [], position),
      ...{ code, message: `${file} ${message}` },
    }));
    return { value: undefined, problems };
  }
  const known = splitKnown(document.value, root);
  const { data, error } = schema.safeParse(known.value);
  const unknown = known.unknown.map(({ path, message, hint }) => ({
    ...placed(file, path, document.positionOfKey(path)),
    ...{ code, message, hint },
  }));
  const problemAt = problemsIn(document, file);
  const refused = (error?.issues ?? []).map((issue) => {
    const value = valueAt(known.value, issue.path);
    const observed = { value, source: document.sourceOf(issue.path) };
    return problemAt(issue.path, { code, ...sentenceOf(issue, observed, root) });
  });
  return { value: data, problems: [...unknown, ...refused] };
}

function placed(file: string, path: readonly PropertyKey[], { line, column }: Position) {
  return { file, line, column, path: path.map(String).join('.') };
}
