// In which order parts of a composition lead, by how fine the details are that each of them makes
// by itself: those that make finer ones lead while pictures are mostly noise, the others after.
// Zou et al. 2025, section 3; their code has the two groups by the names of its adapters.

/** What was measured of pictures that the parts make alone (frequencies.ts). */
export interface Profile {
  /** Of the pictures of each part. */
  readonly parts: readonly number[];
  /** Of the pictures after each denoising step, as a mean over the parts. */
  readonly steps: readonly number[];
}

export interface Sequencing {
  /** Numbers of the parts with finer details than the mean; all where no two differ. */
  readonly high: readonly number[];
  readonly rest: readonly number[];
  /** The first step whose pictures have fewer than `least` of high frequencies; or their number. */
  readonly fallsAt: number;
}

/** `g` of the paper's script. */
const least = 0.4;

/** Groups are ordered by frequencies, the highest first, then by number. */
export function sequencingOf({ parts, steps }: Profile): Sequencing {
  const mean = parts.reduce((sum, found) => sum + found, 0) / parts.length;
  const ordered = parts
    .map((found, part) => ({ found, part }))
    .toSorted((a, b) => b.found - a.found || a.part - b.part);
  const isHigh = ordered.map(({ found }) => found > mean);
  const of = (wanted: boolean) =>
    ordered.flatMap(({ part }, i) => (isHigh[i] === wanted ? [part] : []));
  const differ = isHigh.includes(true);
  // Pictures of step `i` are those after the step before; the first are noise.
  const fallen = steps.findIndex((found) => found < least);
  return {
    high: of(differ),
    rest: differ ? of(false) : [],
    fallsAt: fallen === -1 ? steps.length : fallen + 1,
  };
}
