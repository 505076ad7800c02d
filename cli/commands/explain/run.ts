// `anneal explain NAME`: a field by path, a method by its name in the paper, a failure by code or
// reason. A name with several meanings (LoRA is a preset and a value of an axis) shows all of them.
import { type AdapterGoal, adapterGoals } from '../../../crds/explain/adapters.ts';
import {
  explainField,
  explainMethod,
  type Failure,
  type FailureCode,
  type FieldDoc,
  failures,
  fieldDocs,
  isFailureCode,
  type MethodDoc,
  methodNames,
  nearestName,
  UserError,
} from '../../../crds/index.ts';
import type { OutputFormat } from '../../process/flags.ts';
import { jsonOf } from '../../terminal/json.ts';
import { explanationText } from './text.ts';

export interface FieldAbout extends FieldDoc {
  /** Summary of the nested fields. */
  readonly inside: readonly Pick<FieldDoc, 'path' | 'type' | 'description' | 'required'>[];
}

export interface FailureAbout extends Failure {
  readonly code: FailureCode;
}

export interface Explanation {
  readonly methods: readonly MethodDoc[];
  readonly fields: readonly FieldAbout[];
  readonly failures: readonly FailureAbout[];
  /** Which adapter to take for what, where that was asked. */
  readonly adapters?: readonly AdapterGoal[];
  /** Names to ask for next, where no name was given. */
  readonly names?: Names;
}

export interface Names {
  readonly methods: readonly string[];
  readonly fields: readonly string[];
  readonly failures: readonly string[];
}

export function explainFromTerminal(
  name: string | undefined,
  format: OutputFormat,
  out: (text: string) => void,
): number {
  const found = explain(name);
  out(format === 'json' ? jsonOf('Explanation', found) : explanationText(found, 80));
  return 0;
}

export function explain(name: string | undefined): Explanation {
  if (name === undefined) return { ...nothing, names: allNames() };
  if (name.toLowerCase() === 'adapters') return { ...nothing, adapters: adapterGoals() };
  const field = explainField(name);
  const found: Explanation = {
    methods: explainMethod(name),
    fields: field === undefined ? [] : [aboutField(field)],
    failures: failuresNamed(name),
  };
  if (found.methods.length + found.fields.length + found.failures.length > 0) return found;
  throw unknownName(name);
}

const nothing = { methods: [], fields: [], failures: [] } as const;

function aboutField(doc: FieldDoc): FieldAbout {
  const docs = fieldDocs();
  const inside = doc.fields.flatMap((path) => {
    const child = docs.get(path);
    if (child === undefined) return [];
    const { type, description, required } = child;
    return [{ path, type, description, required }];
  });
  return { ...doc, inside };
}

/** By code; a condition's reason may name several codes. */
function failuresNamed(name: string): readonly FailureAbout[] {
  const code = name.toUpperCase();
  if (isFailureCode(code)) return [{ code, ...failures[code] }];
  return failureCodes()
    .map((each) => ({ code: each, ...failures[each] }))
    .filter(({ reason }) => reason.toLowerCase() === name.toLowerCase());
}

function failureCodes(): readonly FailureCode[] {
  return Object.keys(failures).filter(isFailureCode);
}

function allNames(): Names {
  return {
    methods: methodNames(),
    fields: explainField('spec')?.fields ?? [],
    failures: failureCodes(),
  };
}

function unknownName(name: string): UserError {
  const paths = [...fieldDocs().keys()];
  const near =
    nearestName(name, methodNames()) ??
    nearestName(name, failureCodes()) ??
    nearestName(
      name.includes('.') ? name.replace(/^\.?(spec\.)?/, 'spec.') : `spec.${name}`,
      paths,
    ) ??
    paths.find((path) => path.toLowerCase().endsWith(`.${name.toLowerCase()}`));
  return new UserError({
    code: 'E_USAGE',
    message: `${JSON.stringify(name)} is no field, method or failure`,
    hint: near === undefined ? 'anneal explain lists all names' : `did you mean ${near}?`,
  });
}
