// A validation rule: a predicate for our own checks, and CEL for the API server. Both are written
// side by side, and a test runs the same cases through both.
//
// A rule is evaluated only if the values that it reads have the right type: otherwise one wrong
// value would be reported twice. The values that it reads are taken from its CEL text (`self.a.b`).
import type * as z from 'zod';

export interface Rule<T = unknown> {
  /** Unique; tests have accepted and rejected examples under this name. */
  readonly id: string;
  /** `self` is the value that the rule is attached to. */
  readonly cel: string;
  readonly check: (self: T) => boolean;
  /** Says what is wrong and what is right; printed after the path. */
  readonly message: string;
  readonly hint?: string;
  /** Where the problem is reported, below the value; the value itself when absent. */
  readonly path?: readonly string[];
  /**
   * Default `everywhere`. `cluster` rules are printed into the CRD and checked by
   * `problemsOnCluster`, but not by a local run.
   */
  readonly where?: 'everywhere' | 'cluster';
}

export const ruleKey = 'x-anneal-rules';

export function rule<S extends z.ZodType>(schema: S, ...added: readonly Rule<z.output<S>>[]): S {
  let checked: S = schema;
  for (const one of added) if (one.where !== 'cluster') checked = withRefinement(checked, one);
  // The registry of zod is untyped; all entries under this key are written here.
  const rules = [...rulesOf(schema), ...(added as readonly Rule[])];
  return checked.meta({ [ruleKey]: rules });
}

/** The rules attached to this schema itself, without those of its parts. */
export function rulesOf(schema: z.ZodType): readonly Rule[] {
  return (schema.meta()?.[ruleKey] ?? []) as readonly Rule[];
}

function withRefinement<S extends z.ZodType>(schema: S, one: Rule<z.output<S>>): S {
  const reads = readsOf(one.cel);
  return schema.refine((value) => one.check(value), {
    error: one.message,
    path: [...(one.path ?? [])],
    params: { rule: one.id, hint: one.hint },
    when: ({ value, issues }) =>
      value !== undefined &&
      !issues.some(({ path, code }) => isTypeIssue(code) && touches(path ?? [], reads)),
  });
}

function isTypeIssue(code: string | undefined): boolean {
  return code === 'invalid_type' || code === 'invalid_value' || code === 'invalid_format';
}

/** `has(self.a) && self.b.c > 1` reads [a] and [b, c]; a bare `self` reads everything. */
export function readsOf(cel: string): readonly (readonly string[])[] {
  return [...cel.matchAll(/\bself\b((?:\.[A-Za-z_][A-Za-z0-9_]*(?![A-Za-z0-9_(]))*)/g)].map(
    ([, chain]) => (chain ?? '').split('.').slice(1),
  );
}

function touches(path: readonly PropertyKey[], reads: readonly (readonly string[])[]): boolean {
  return reads.some((read) => {
    const shared = Math.min(read.length, path.length);
    return read.slice(0, shared).every((key, index) => key === path[index]);
  });
}
