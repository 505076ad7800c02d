// A job file with some values changed and validated like any other: the subject of a `--what-if`.
import { type Document, parse, parseDocument } from 'yaml';
import {
  explainField,
  type FineTuneJobSpec,
  incompatibilities,
  parseManifest,
  UserError,
} from '../../crds/index.ts';
import type { Assignment } from '../process/flags.ts';

type Changed =
  | { readonly ok: true; readonly spec: FineTuneJobSpec }
  | { readonly ok: false; readonly sentences: readonly Sentence[] };

interface Sentence {
  readonly message: string;
  readonly hint?: string | undefined;
}

/**
 * The spec of the file with these values set; error sentences where they are invalid alone or in
 * combination.
 */
export function changedSpec(text: string, changes: readonly Assignment[]): Changed {
  const document: Document = parseDocument(text);
  for (const { path, value } of changes) document.setIn(keysOf(path), typedValue(path, value));
  const parsed = parseManifest(document.toString(), 'what-if');
  if (!parsed.ok) return { ok: false, sentences: parsed.problems };
  const spec = parsed.jobs[0]?.job.spec;
  if (spec === undefined) return { ok: false, sentences: [{ message: 'the file has no job' }] };
  const found = incompatibilities(spec, 'anywhere');
  if (found.length > 0) return { ok: false, sentences: found };
  return { ok: true, spec };
}

export function changesInWords(changes: readonly Assignment[]): string {
  return changes.map(({ path, value }) => `${path.replace(/^spec\./, '')}=${value}`).join(', ');
}

export function requireChanged(text: string, changes: readonly Assignment[]): FineTuneJobSpec {
  const changed = changedSpec(text, changes);
  if (changed.ok) return changed.spec;
  throw new UserError({
    code: 'E_INVALID_SPEC',
    message: `--what-if ${changesInWords(changes)}: ${changed.sentences.map(({ message }) => message).join('; ')}`,
    hint:
      changed.sentences.find(({ hint }) => hint !== undefined)?.hint ??
      'anneal explain PATH shows the values of a field',
  });
}

/** Paths are relative to `spec`, unless another root is named. */
export function keysOf(path: string, below = 'spec.'): (string | number)[] {
  const whole = path.startsWith(below) ? path : `${below}${path}`;
  return whole
    .split(/[.[\]]+/)
    .filter((key) => key !== '')
    .map((key) => (/^\d+$/.test(key) ? Number(key) : key));
}

/** Decimals are quoted in a file; on a command line they need no quotes. */
export function typedValue(path: string, value: string): unknown {
  const field = explainField(path);
  if (field?.type.startsWith('decimal') || field?.type === 'text') return value;
  try {
    return parse(value);
  } catch {
    // Not YAML: a plain string, which the schema accepts or refuses.
    return value;
  }
}
