// "Did you mean": the known name closest to a mistyped one. Case, hyphens and underscores are
// ignored, so that names of other tools (`learning_rate`) match ours.

/** Undefined if nothing is close enough to be a likely typo. */
export function nearestName(typed: string, known: readonly string[]): string | undefined {
  const target = squash(typed);
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const name of known) {
    const distance = editDistance(target, squash(name));
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  const longest = Math.max(target.length, best?.length ?? 0);
  return bestDistance <= Math.max(1, Math.floor(longest / 3)) ? best : undefined;
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  const rows = 3;
  const row = (i: number) => i % rows;
  const table = Array.from({ length: rows }, () => new Int32Array(b.length + 1));
  const at = (i: number, j: number) => table[row(i)]?.[j] ?? 0;
  for (let i = 0; i <= a.length; i++) {
    const line = table[row(i)];
    if (line === undefined) continue;
    line[0] = i;
    for (let j = 1; j <= b.length; j++) {
      if (i === 0) {
        line[j] = j;
        continue;
      }
      const changed = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + changed);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, at(i - 2, j - 2) + 1);
      line[j] = cost;
    }
  }
  return at(a.length, b.length);
}

/** Long names are cut: the cost is the product of both lengths. */
function squash(name: string): string {
  return name.slice(0, 64).toLowerCase().replaceAll(/[-_]/g, '');
}
