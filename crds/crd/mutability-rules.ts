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

/**
 * Holds if every transition rule does; otherwise `message` is an expression for the sentence about
 * the first broken rule.
 */
export function wholeTransition(): { readonly cel: string; readonly message: string } {
  const rules = transitionRules();
  const of = (wanted: Mutability) => rules.filter(({ mutability }) => mutability === wanted);
  const all = (some: readonly TransitionRule[]) => some.map(({ same }) => same).join(' && ');
  // An exception stands once, not with each part: client-side apply limits the definition.
  const [fixed, suspended, elastic] = [of('Immutable'), of('Suspended'), of('LiveIfElastic')];
  // Marks in place of the ends of sentences, which would stand with each part.
  const marks = { Immutable: '!', Suspended: '?', LiveIfElastic: '*' } as const;
  // What never changes first: of a suspended job others may have changed as well.
  const names = [...fixed, ...suspended, ...elastic].map(
    ({ path, same, mutability }) => `!(${same}) ? '${path.join('.')}${marks[mutability]}' : `,
  );
  const ends = Object.entries(marks).map(([mutability, mark]) => {
    const message = messageOf(mutability as keyof typeof marks);
    return `.replace('${mark}', ' ${message}')`;
  });
  const live = `(${isElastic} || ${all(elastic)})`;
  return {
    cel: `self == oldSelf || ${all(fixed)} && (${isSuspended} || ${all(suspended)} && ${live})`,
    message: `('spec.' + (${names.join('')}''))${ends.join('')}`,
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

const isSuspended = 'oldSelf.suspend';
const isElastic = "oldSelf.worker.elasticity == 'Live'";

/**
 * Absent before and after is the same, too. Optional values (`.?`) would say it in less, but the
 * API server has no bound for what comparing them costs.
 */
function sameInCel(path: readonly string[], present: boolean): string {
  const now = `self.${path.join('.')}`;
  const old = `oldSelf.${path.join('.')}`;
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
