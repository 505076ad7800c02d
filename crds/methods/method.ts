// What an entry of the method registry is. A method is a point in a space of five seams; an entry is one value of one seam,
// with its parameters. From the entries come the enum of the seam, its typed members, the rules, the pages and the presets.
import type * as z from 'zod';

export const seamNames = ['precision', 'base', 'adapter', 'selection', 'optimizer'] as const;
export type SeamName = (typeof seamNames)[number];

export interface SeamEntry<
  Seam extends SeamName = SeamName,
  Type extends string = string,
  Member extends string = string,
  Parameters extends z.ZodObject = z.ZodObject,
> {
  readonly seam: Seam;
  /** Value of `type`, in the spelling of the paper. */
  readonly type: Type;
  /** Key of the parameters beside `type`; absent together with `parameters`. */
  readonly member?: Member;
  /** Every field has a description, and a default unless it is optional. */
  readonly parameters?: Parameters;
  /** One sentence for `explain` and the pages. */
  readonly summary: string;
  readonly paper?: Paper;
}

export interface Paper {
  readonly title: string;
  /** Identifier at arXiv. */
  readonly arxiv: string;
}

/** A short name for a choice of seams. It fills only what the job does not write. */
export interface Preset<Name extends string = string, Seams = unknown> {
  readonly preset: Name;
  readonly summary: string;
  readonly seams: Seams;
  readonly paper?: Paper;
}

export function seamEntry<
  const Seam extends SeamName,
  const Type extends string,
  const Member extends string,
  Parameters extends z.ZodObject,
>(
  entry: SeamEntry<Seam, Type, Member, Parameters> & {
    readonly member: Member;
    readonly parameters: Parameters;
  },
): typeof entry {
  return entry;
}

/** An entry that has nothing to set. */
export function plainEntry<const Seam extends SeamName, const Type extends string>(entry: {
  readonly seam: Seam;
  readonly type: Type;
  readonly summary: string;
  readonly paper?: Paper;
}): typeof entry {
  return entry;
}
