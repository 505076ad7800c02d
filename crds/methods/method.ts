// An entry of the method registry. A method is a point in a space of six axes; an entry is one
// value of one axis, with its parameters. The enum of an axis, its typed members, the rules, the
// pages and the presets are all derived from the entries.
import type * as z from 'zod';

export const axisNames = [
  'precision',
  'base',
  'adapter',
  'selection',
  'optimizer',
  'rule',
] as const;
export type AxisName = (typeof axisNames)[number];

export interface AxisEntry<
  Axis extends AxisName = AxisName,
  Type extends string = string,
  Member extends string = string,
  Parameters extends z.ZodObject = z.ZodObject,
> {
  readonly axis: Axis;
  /** Value of `type`, as the paper spells it. */
  readonly type: Type;
  /** Key of the parameters; absent together with `parameters`. */
  readonly member?: Member;
  /** Every field has a description, and a default unless it is optional. */
  readonly parameters?: Parameters;
  /** One sentence for `explain` and the pages. */
  readonly summary: string;
  readonly paper?: Paper;
}

export interface Told<Own> {
  /** Its part of a method as short text: `GaLore r=128`. @default the type */
  readonly words?: (own: Own) => string;
}

export interface Paper {
  readonly title: string;
  /** arXiv identifier. */
  readonly arxiv: string;
}

/** A short name for values of several axes. It sets only what the job does not. */
export interface Preset<Name extends string = string, Axes = unknown> {
  readonly preset: Name;
  readonly summary: string;
  readonly axes: Axes;
  readonly paper?: Paper;
}

export function axisEntry<
  const Axis extends AxisName,
  const Type extends string,
  const Member extends string,
  Parameters extends z.ZodObject,
>(
  entry: AxisEntry<Axis, Type, Member, Parameters> & {
    readonly member: Member;
    readonly parameters: Parameters;
  } & Told<z.output<Parameters>>,
): typeof entry {
  return entry;
}

/** An entry without parameters. */
export function plainEntry<const Axis extends AxisName, const Type extends string>(entry: {
  readonly axis: Axis;
  readonly type: Type;
  readonly summary: string;
  readonly paper?: Paper;
}): typeof entry {
  return entry;
}
