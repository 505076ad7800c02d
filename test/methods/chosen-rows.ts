/**
 * Of a table of tests, the rows that `npm test` runs, in which each value of each axis occurs, and
 * the others, which a group that is held back runs.
 */
export function splitRows<T>(
  rows: Readonly<Record<string, T>>,
  short: readonly string[],
): { readonly short: readonly [string, T][]; readonly others: readonly [string, T][] } {
  const unknown = short.find((name) => !Object.hasOwn(rows, name));
  if (unknown !== undefined) throw new Error(`there is no row ${unknown}`);
  const all = Object.entries(rows);
  return {
    short: all.filter(([name]) => short.includes(name)),
    others: all.filter(([name]) => !short.includes(name)),
  };
}
