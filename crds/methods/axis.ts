// From the entries of an axis: its schema as written in a job (without defaults), and as resolved
// (with all defaults). The printed schema has no defaults, because the API server would fill them
// in before a preset could. They are in metadata, for `explain` and the field descriptions.
import * as z from 'zod';
import { rule, rulesOf } from '../schema/rule.ts';
import { onlyNamedMember } from '../schema/union.ts';
import type { AxisEntry } from './method.ts';

export const defaultKey = 'x-anneal-default';

type Entries = readonly [AnyEntry, ...AnyEntry[]];
type AnyEntry = Pick<AxisEntry, 'axis' | 'type' | 'summary'> &
  Partial<Pick<AxisEntry, 'member' | 'parameters' | 'paper'>>;

type Written<E> = E extends {
  member: infer M extends string;
  parameters: infer P extends z.ZodObject;
}
  ? { readonly [key in M]?: z.input<P> | undefined }
  : object;
type Intersection<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void
  ? I
  : never;

/** `{type, lora?: {rank?: ...}}`: as the user writes it. */
type WrittenAxis<E extends AnyEntry> = { readonly type: E['type'] } & Intersection<Written<E>>;

/** `{type: 'LoRA', lora: {rank: 16, ...}} | {type: 'None'}`: as it runs. */
export type ResolvedAxis<E extends AnyEntry> = E extends {
  type: infer T;
  member: infer M extends string;
  parameters: infer P extends z.ZodObject;
}
  ? { readonly type: T } & { readonly [key in M]: z.output<P> }
  : { readonly type: E['type'] };

export function writtenAxis<const E extends Entries>(axis: string, entries: E) {
  const types = entries.map((entry) => entry.type);
  const members: Record<string, z.ZodType> = {};
  const memberOf: Record<string, string> = {};
  for (const { type, member, parameters } of entries) {
    if (member === undefined || parameters === undefined) continue;
    // The field `type` has all summaries: the CRD has little room to tell them twice.
    members[member] = withoutDefaults(parameters).optional().describe(`Parameters of ${type}.`);
    memberOf[type] = member;
  }
  const told = entries.map((entry) => `${entry.type}: ${entry.summary}`).join(' ');
  const schema = z.strictObject({ type: z.enum(types).describe(told), ...members });
  // The members are created in a loop, which types cannot follow; the entries define them.
  return onlyNamedMember(schema, `method.${axis}`, memberOf) as unknown as z.ZodType<
    WrittenAxis<E[number]>,
    WrittenAxis<E[number]>
  >;
}

/** Fills in the parameters of the entry that `type` names. */
export function resolveAxis<const E extends Entries>(
  entries: E,
  written: WrittenAxis<E[number]> | undefined,
): ResolvedAxis<E[number]> {
  const type = written?.type ?? entries[0].type;
  const entry = entries.find((candidate) => candidate.type === type) ?? entries[0];
  if (entry.member === undefined || entry.parameters === undefined) {
    return { type } as unknown as ResolvedAxis<E[number]>;
  }
  const parameters: unknown = Reflect.get(written ?? {}, entry.member) ?? {};
  return {
    type,
    [entry.member]: entry.parameters.parse(parameters),
  } as unknown as ResolvedAxis<E[number]>;
}

function withoutDefaults(parameters: z.ZodObject): z.ZodObject {
  const shape: Record<string, z.ZodType> = {};
  for (const [name, field] of Object.entries(parameters.shape)) {
    shape[name] = field instanceof z.ZodDefault ? optionalWithNote(field) : (field as z.ZodType);
  }
  return rule(z.strictObject(shape), ...rulesOf(parameters));
}

function optionalWithNote(field: z.ZodDefault): z.ZodType {
  const value = field.def.defaultValue;
  const inner = field.unwrap() as z.ZodType;
  const told = Array.isArray(value) ? value.join(', ') : String(value);
  return inner
    .optional()
    .meta({ description: `${field.description ?? ''} Default: ${told}.`, [defaultKey]: value });
}
