// Parses a file with exactly one object of a kind that only this machine knows: YAML text to the
// object, or one error with all problems, each at its position in the file.
import type * as z from 'zod';
import { apiVersion } from '../names/group.ts';
import { printSchema } from '../tree/schema-tree.ts';
import { problemsIn, readDocument } from './document.ts';
import { invalidManifest } from './manifest.ts';
import { byPosition } from './problem.ts';
import { maxBytes, readYaml, type YamlDocument } from './yaml-text.ts';

/** What does not go together, at a path below `spec`. */
export interface RefusedField {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly hint?: string | undefined;
}

interface Kind<S extends z.ZodType> {
  readonly kind: string;
  readonly schema: S;
  /** Of what the schema accepts. */
  readonly refused: (value: z.output<S>) => readonly RefusedField[];
}

/** The object of a file; throws one UserError with all problems. */
export function parseOnly<S extends z.ZodType>(
  text: string,
  file: string,
  kind: Kind<S>,
): z.output<S> {
  const whole = (message: string, hint?: string) =>
    invalidManifest([
      { code: 'E_INVALID_SPEC', file, path: '', message: `${file} ${message}`, hint },
    ]);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw whole(`has ${bytes} bytes; such a file has at most ${maxBytes}`);
  const documents = (readYaml(text) ?? []).filter(
    ({ value, problems }) => value !== undefined || problems.length > 0,
  );
  const [document, second] = documents;
  if (document === undefined || second !== undefined) {
    throw whole(
      `has ${documents.length} documents; it must have one ${kind.kind}`,
      `it begins with apiVersion: ${apiVersion}`,
    );
  }
  return parseDocument(document, file, kind);
}

function parseDocument<S extends z.ZodType>(
  document: YamlDocument,
  file: string,
  { schema, refused }: Kind<S>,
): z.output<S> {
  const problemAt = problemsIn(document, file);
  const { root } = printSchema(schema);
  const { value, problems } = readDocument(document, file, schema, root);
  const together = value === undefined ? [] : refused(value);
  const all = [
    ...problems,
    ...together.map(({ path, message, hint }) =>
      problemAt(['spec', ...path], { code: 'E_INVALID_SPEC', message, hint }),
    ),
  ];
  if (value === undefined || all.length > 0) throw invalidManifest(all.toSorted(byPosition));
  return value;
}
