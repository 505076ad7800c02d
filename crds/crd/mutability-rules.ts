// Transition rules from the marks of mutability.ts: what may change on an existing job, as CEL for
// the API server and as a comparison for the command line. All are attached to `spec`, because most
// need `oldSelf.suspend`. The API server also evaluates them at every write of the status, where
// the spec is unchanged: comparing whole objects first costs a third less than all their parts.
import { isDeepStrictEqual } from 'node:util';
import { invariant } from '../failures/errors.ts';
import type { Mutability } from '../schema/mutability.ts';
import { jobSchema, mutabilityOf, type SchemaNode } from '../tree/schema-tree.ts';
import { valueAt } from '../tree/value-at.ts';

interface TransitionRule {
  /** Below `spec`: ['worker', 'replicas']. */
  readonly path: readonly string[];
  readonly mutability: Exclude<Mutability, 'Live'>;
  /** CEL for: this part is as it was. */
  readonly same: string;
  /** CEL for: this part is as it was, or may differ. */
  readonly cel: string;
  readonly message: string;
}

/** One rule for each largest part of the spec with one mutability. */
export function transitionRules(): readonly TransitionRule[] {
  const spec = jobSchema().properties?.['spec'];
  invariant(spec, 'the schema of a job has no spec');
  return partsOf(spec, [], 'Immutable').flatMap(({ path, mutability, present }) =>
    mutability === 'Live'
      ? []
      : [
          {
            path,
            mutability,
            same: sameInCel(path, present),
            cel: celOf(sameInCel(path, present), mutability),
            message: messageOf(mutability),
          },
        ],
  );
}

interface Transition {
  /** The part of the spec that it is about: ['worker']. */
  readonly path: readonly string[];
  readonly cel: string;
  readonly message: string;
}

/**
 * What the API server is given: a rule for all parts of one object with one mutability, whose
 * sentence lists them. Telling which of them changed would take each comparison a second time, and
 * client-side apply limits the size of the definition.
 */
export function transitionsByObject(): readonly Transition[] {
  const groups = Map.groupBy(transitionRules(), ({ path, mutability }) =>
    JSON.stringify([path.slice(0, -1), mutability]),
  );
  return [...groups.values()].map((rules) => {
    const [first] = rules;
    invariant(first, 'a group of rules is empty');
    if (rules.length === 1) return first;
    const path = first.path.slice(0, -1);
    const all = rules.map(({ same }) => same).join(' && ');
    const cel = celOf(all, first.mutability);
    const names = rules.map((rule) => rule.path.at(-1)).join(', ');
    return {
      path,
      cel: path.length === 0 ? cel : `${sameInCel(path, true)} || ${cel}`,
      message: `has another value in one of ${names}, which ${messageOf(first.mutability)}`,
    };
  });
}

interface RefusedChange {
  readonly path: string;
  readonly message: string;
}

/** Edits that are not allowed; both specs have their defaults filled in. */
export function refusedChanges(before: SuspendableSpec, after: object): readonly RefusedChange[] {
  return transitionRules()
    .filter(({ path, mutability }) => {
      if (mutability !== 'Immutable' && before.suspend) return false;
      if (mutability === 'LiveIfElastic' && before.worker.elasticity === 'Live') return false;
      return !isDeepStrictEqual(valueAt(before, path), valueAt(after, path));
    })
    .map(({ path, message }) => ({ path: ['spec', ...path].join('.'), message }));
}

interface SuspendableSpec {
  readonly suspend: boolean;
  readonly worker: { readonly elasticity: string };
}

interface Part {
  readonly path: readonly string[];
  readonly mutability: Mutability;
  /** Required, or defaulted by the API server: no rule has to check for it. */
  readonly present: boolean;
}

function partsOf(
  node: SchemaNode,
  path: readonly string[],
  inherited: Mutability,
  present = true,
): Part[] {
  const own = mutabilityOf(node) ?? inherited;
  if (isUniform(node, own)) return [{ path, mutability: own, present }];
  invariant(present, `spec.${path.join('.')} may be absent and mixes mutabilities`);
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const always = node.required?.includes(key) === true || child.default !== undefined;
    return partsOf(child, [...path, key], own, always);
  });
}

function isUniform(node: SchemaNode, mutability: Mutability): boolean {
  return Object.values(node.properties ?? {}).every((child) => {
    const own = mutabilityOf(child) ?? mutability;
    return own === mutability && isUniform(child, own);
  });
}

const isSuspended = 'oldSelf.suspend';
const isElastic = "oldSelf.worker.elasticity == 'Live'";

/**
 * Absent before and after is the same, too. Optional values (`.?`) would say it in less, but the
 * API server has no bound for what comparing them costs.
 */
function sameInCel(path: readonly string[], present: boolean): string {
  const now = ['self', ...path].join('.');
  const old = ['oldSelf', ...path].join('.');
  const equal = `${now} == ${old}`;
  return present ? equal : `(has(${now}) ? has(${old}) && ${equal} : !has(${old}))`;
}

function celOf(same: string, mutability: Exclude<Mutability, 'Live'>): string {
  switch (mutability) {
    case 'Immutable':
      return same;
    case 'Suspended':
      return `${isSuspended} || ${same}`;
    case 'LiveIfElastic':
      return `${isSuspended} || ${isElastic} || ${same}`;
    default:
      return mutability satisfies never;
  }
}

function messageOf(mutability: Exclude<Mutability, 'Live'>): string {
  switch (mutability) {
    case 'Immutable':
      return 'cannot be changed on an existing job';
    case 'Suspended':
      return 'can be changed only while the job is suspended';
    case 'LiveIfElastic':
      return 'can be changed only while the job is suspended, or with elasticity Live';
    default:
      return mutability satisfies never;
  }
}
