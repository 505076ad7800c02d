// Transition rules from the marks of mutability.ts: what may change on an existing job, as CEL for
// the API server and as a comparison for the command line. All are attached to `spec`, because most
// need `oldSelf.suspend`.
//
// The API server gets one rule that contains them all. It also evaluates the rules of the spec at
// every write of the status, where the spec is unchanged: comparing the spec once, as a whole,
// reduced the cost of such a write by a third.
import { isDeepStrictEqual } from 'node:util';
import { invariant } from '../failures/errors.ts';
import type { Mutability } from '../schema/mutability.ts';
import { jobSchema, mutabilityOf, type SchemaNode } from '../tree/schema-tree.ts';
import { valueAt } from '../tree/value-at.ts';

interface TransitionRule {
  /** Below `spec`: ['worker', 'replicas']. */
  readonly path: readonly string[];
  readonly mutability: Exclude<Mutability, 'Live'>;
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
            cel: celOf(path, mutability, present),
            message: messageOf(mutability),
          },
        ],
  );
}

/**
 * Holds if every transition rule does; otherwise `message` is an expression for the sentence about
 * the first broken rule.
 */
export function wholeTransition(): { readonly cel: string; readonly message: string } {
  const rules = transitionRules();
  const sentences = rules.map(({ path, cel, message }) => {
    const words = `spec.${path.join('.')} ${message}`;
    return `!(${cel}) ? '${words}' : `;
  });
  return {
    cel: `self == oldSelf || (${rules.map(({ cel }) => `(${cel})`).join(' && ')})`,
    message: `${sentences.join('')}''`,
  };
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

function celOf(
  path: readonly string[],
  mutability: Exclude<Mutability, 'Live'>,
  present: boolean,
): string {
  const now = `self.${path.join('.')}`;
  const old = `oldSelf.${path.join('.')}`;
  const equal = `${now} == ${old}`;
  const same = present ? equal : `has(${now}) == has(${old}) && (!has(${now}) || ${equal})`;
  switch (mutability) {
    case 'Immutable':
      return same;
    case 'Suspended':
      return `oldSelf.suspend || (${same})`;
    case 'LiveIfElastic':
      return `oldSelf.suspend || oldSelf.worker.elasticity == 'Live' || (${same})`;
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
