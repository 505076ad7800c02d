// Sets of bytes of a file, as sorted, disjoint, half-open extents.
export interface Extent {
  readonly begin: number;
  readonly end: number;
}

export function merge(extents: readonly Extent[]): readonly Extent[] {
  const merged: Extent[] = [];
  for (const extent of extents.toSorted((a, b) => a.begin - b.begin)) {
    const last = merged.at(-1);
    if (last && extent.begin <= last.end) {
      merged[merged.length - 1] = { begin: last.begin, end: Math.max(last.end, extent.end) };
    } else {
      merged.push(extent);
    }
  }
  return merged;
}

/** The part of [0, bytes) outside of `extents`, which are merged. */
export function gaps(extents: readonly Extent[], bytes: number): readonly Extent[] {
  const bounds = [0, ...extents.flatMap(({ begin, end }) => [begin, end]), bytes];
  const found: Extent[] = [];
  for (let i = 0; i < bounds.length; i += 2) {
    const [begin = 0, end = 0] = bounds.slice(i, i + 2);
    if (begin < end) found.push({ begin, end });
  }
  return found;
}
